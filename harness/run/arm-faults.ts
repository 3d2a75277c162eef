import {
  HarnessError,
  type ArmedFault,
  type FaultPhase,
  type FaultTargets,
  type Random,
} from '../contract/index.ts';
import type { ReadyScenario } from './plugin-sources.ts';

/** Arms the scenario's faults of one phase, each with chance of its own; dispose in reverse order. */
export async function armFaults(
  ready: ReadyScenario,
  phase: FaultPhase,
  targets: Partial<FaultTargets>,
  random: Random,
): Promise<readonly ArmedFault[]> {
  const armed: ArmedFault[] = [];
  for (const [index, { module, options, spec }] of ready.faults.entries()) {
    if (spec.during !== phase) continue;
    const target = targets[module.layer];
    if (target === undefined) {
      throw new HarnessError(
        'CONFIG_INVALID',
        `fault ${module.name} acts on the ${module.layer}, which rig ${ready.scenario.rig} does not have`,
      );
    }
    const timing = {
      moment: spec.at,
      times: spec.times,
      ...(spec.within === undefined ? {} : { within: spec.within }),
    };
    armed.push(await module.arm(target, options, timing, random.fork(`fault-${index}`)));
  }
  return armed;
}
