import {
  HarnessError,
  type ArmedFault,
  type FaultPhase,
  type FaultLayer,
  type FaultTargets,
  type Random,
  type ScenarioFault,
} from '../contract/index.ts';
import type { AnyReadyScenario } from './plugin-sources.ts';

/**
 * What the faults of a scenario are called in histories and reports: by their plug-in, and where a
 * plug-in is there more than once, by number too, so that each can be seen to have fired.
 */
export function faultNames({ faults }: Pick<AnyReadyScenario, 'faults'>): readonly string[] {
  const seen = new Map<string, number>();
  return faults.map(({ module: { name } }) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name}-${count}`;
  });
}

/**
 * As reports show them: with the device, where one is named; on the twin, a scenario without a fault
 * is a power cut at every moment.
 */
export function shownFaults(ready: AnyReadyScenario): readonly string[] {
  const isOfTwin = ready.scenario.rig === 'sim' || ready.scenario.rig === 'fuse';
  const isPlainCut = ready.faults.length === 0 && isOfTwin;
  if (isPlainCut) return ['power-cut'];
  const devices = ready.faults.map(({ spec: { device } }) => (device ? ` on ${device}` : ''));
  return faultNames(ready).map((name, index) => `${name}${devices[index]!}`);
}

/** Arms the scenario's faults of one phase, each with chance of its own; dispose in reverse order. */
export async function armFaults(
  ready: AnyReadyScenario,
  phase: FaultPhase,
  targets: Partial<FaultTargets>,
  random: Random,
): Promise<readonly ArmedFault[]> {
  const armed: ArmedFault[] = [];
  const names = faultNames(ready);
  for (const [index, { module, options, spec }] of ready.faults.entries()) {
    if (spec.during !== phase) continue;
    const target = namedTarget(targets, module.layer, names[index]!, spec);
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

/** The target as this fault sees it: what it arms goes by its own name, and to its own device. */
function namedTarget(
  targets: Partial<FaultTargets>,
  layer: FaultLayer,
  name: string,
  { device }: ScenarioFault,
): FaultTargets[FaultLayer] | undefined {
  if (layer !== 'drive') return targets[layer];
  const { drive } = targets;
  if (drive === undefined) return undefined;
  return {
    arm: (rule, random) => drive.arm({ ...rule, fault: name, ...(device && { device }) }, random),
  };
}
