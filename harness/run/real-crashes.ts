import { HarnessError } from '../contract/index.ts';
import type { Scenario, ScenarioFault } from '../contract/index.ts';
import { isFileScenario, type AnyReadyScenario, type ReadyScenario } from './plugin-sources.ts';

/** The fault that records every write, so that crash states are explored afterwards. */
export const logFault = 'dm-log-writes';

/** The fault that kills the machine of rig vm. */
const machineFault = 'vm-kill';

/**
 * Whether the machine is killed together with the volatile cache of its drive, which is the twin then; otherwise the
 * drive keeps what it has completed.
 */
export function losesCache({ rig, faults }: Pick<Scenario, 'rig' | 'faults'>): boolean {
  return rig === 'vm' && faults.some((fault) => fault.use === machineFault && !keepsCache(fault));
}

function keepsCache({ with: options }: Pick<ScenarioFault, 'with'>): boolean {
  return (options as { readonly volatileCache?: unknown } | undefined)?.volatileCache === 'kept';
}

/**
 * Whether a scenario has a history that crash states are made of, as those of the twin and of
 * dm-log-writes have; any other leaves what each of its crashes showed.
 */
export function hasHistory({ rig, faults }: Scenario): boolean {
  const isOnTwin = rig === 'sim' || rig === 'fuse' || losesCache({ rig, faults });
  return isOnTwin || faults.some(({ use }) => use === logFault);
}

/** Whether the machine of rig vm is itself what is killed, so that this process must be outside of it. */
export function killsMachine({ scenario, faults }: AnyReadyScenario): boolean {
  return scenario.rig === 'vm' && faults.some(({ module }) => module.layer === 'machine');
}

/** How an engine of blocks is crashed on a real device. */
export type BlocksCrash = 'kill' | 'cut' | 'log';

/** Throws CONFIG_INVALID where no single fault crashes the engine, or where it is of files. */
export function blocksCrashOf(ready: ReadyScenario): BlocksCrash {
  const { scenario, faults } = ready;
  const [fault, ...others] = faults;
  if (others.length > 0) throw unfit(ready, `${faults.length} faults, expected one`);
  if (fault === undefined || fault.module.layer === 'process') return 'kill';
  if (fault.module.name === 'dm-flakey') return 'cut';
  if (fault.module.name !== logFault) {
    throw unfit(ready, `fault ${fault.module.name}, expected kill, dm-flakey or ${logFault}`);
  }
  if (scenario.dataDevice === undefined) return 'log';
  throw unfit(
    ready,
    `${logFault} on two devices, expected one: the order of two logs is not known`,
  );
}

/** Throws CONFIG_INVALID for what a killed machine cannot be judged by. */
export function requireMachineKill(ready: AnyReadyScenario): void {
  const { scenario, faults } = ready;
  if (faults.length !== 1) throw unfit(ready, `${faults.length} faults, expected vm-kill alone`);
  if (isFileScenario(ready) && !losesCache(scenario)) {
    throw unfit(
      ready,
      'volatileCache: kept, expected lost: a file system is judged by its crash states',
    );
  }
  if (losesCache(scenario) && scenario.dataDevice !== undefined) {
    throw unfit(
      ready,
      'two devices, expected one, or volatileCache: kept: nothing orders their histories',
    );
  }
}

function unfit({ scenario }: AnyReadyScenario, found: string): HarnessError {
  return new HarnessError('CONFIG_INVALID', `scenario ${scenario.name} has ${found}`);
}
