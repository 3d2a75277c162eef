import {
  HarnessError,
  type CellResult,
  type Failure,
  type HostFacts,
  type RunEvent,
  type Scenario,
} from '../contract/index.ts';
import { CellAccount } from './cell-account.ts';
import type { ExplorePool } from './explore-pool.ts';
import { isFileScenario, type AnyReadyScenario, type ReadyScenario } from './plugin-sources.ts';
import { killsMachine } from './real-crashes.ts';
import type { RunDirectory } from './run-directory.ts';
import { runOnDevice } from './run-on-device.ts';
import { runOnTwin } from './run-on-twin.ts';
import { shrinkMsMax, shrinkScenario } from './shrink-scenario.ts';

export interface CellContext {
  readonly id: string;
  readonly pool: ExplorePool;
  /** Threads that mount crash states; as many as there are cores unless given. */
  readonly jobs?: number;
  /** Absent for a soak, which keeps no evidence. */
  readonly directory?: RunDirectory;
  /** A device named by the user, for rig `device`; without it a loop device is made. */
  readonly devicePath?: string;
  /** The same for the scenario's data device. */
  readonly dataDevicePath?: string;
  /** And for the log of dm-log-writes. */
  readonly logDevicePath?: string;
  readonly signal: AbortSignal;
  emit(event: RunEvent): void;
  /** Told the facts of the real devices that were opened, for the report. */
  noteDevices?(main: NonNullable<HostFacts['device']>, data: HostFacts['device']): void;
  /** A scenario as a file that `powercut run` takes; without it no reproducer is looked for. */
  formatScenario?(scenario: Scenario): string;
  /** Real time in milliseconds, for the time limit and the report. */
  now(): number;
}

/** One scenario from plan to verdict: announce, run on its rig, save, answer. */
export async function runScenario(
  ready: AnyReadyScenario,
  context: CellContext,
): Promise<CellResult> {
  const startedMs = context.now();
  const { scenario, sources } = ready;
  context.emit({ type: 'cell-started', cell: context.id, scenario });
  context.directory?.saveScenario(context.id, { scenario, sources });
  const account = new CellAccount(ready);
  const deadline = createDeadline(ready, context, startedMs);
  const failures = await runOnRig(ready, context, account, deadline);
  context.directory?.saveEvidence(context.id, 'states.jsonl', account.stateLog());
  const result = account.result(context.id, failures, context.now() - startedMs);
  const isUnexpected = result.verdict.status === 'fail' && !result.expectationMet;
  if (isUnexpected && !isFileScenario(ready)) {
    await saveReproducer(ready, context, account);
  }
  context.directory?.saveResult(result);
  context.emit({ type: 'cell-finished', cell: context.id, result });
  return result;
}

/** What mounts file systems is loaded only where one is under test: the twin needs none of it. */
async function runOnRig(
  ready: AnyReadyScenario,
  context: CellContext,
  account: CellAccount,
  deadline: Deadline,
): Promise<readonly Failure[]> {
  if (killsMachine(ready)) {
    const { runOnKilledMachine } = await import('./vm/run-on-killed-machine.ts');
    return runOnKilledMachine(ready, context, account, deadline);
  }
  if (isFileScenario(ready)) {
    if (ready.scenario.rig === 'device') {
      const { runFilesOnDevice } = await import('./files/run-files-on-device.ts');
      return runFilesOnDevice(ready, context, account, deadline);
    }
    const { runFiles } = await import('./files/run-files.ts');
    return runFiles(ready, context, account, deadline);
  }
  switch (ready.scenario.rig) {
    case 'sim':
      return runOnTwin(ready, context, account, deadline);
    case 'fuse': {
      const { runOnKernelTwin } = await import('./run-on-kernel-twin.ts');
      return runOnKernelTwin(ready, context, account, deadline);
    }
    case 'device':
      return runOnDevice(ready, context, account, deadline);
    case 'vm':
      throw new HarnessError(
        'CONFIG_INVALID',
        `scenario ${ready.scenario.name} has rig vm: powercut run starts the machine, and in it the scenario has rig device`,
      );
  }
}

/** The worst failure of the twin again, in fewer operations (REQUIREMENTS D3): `reproducer.yaml`. */
async function saveReproducer(
  ready: ReadyScenario,
  context: CellContext,
  { tally }: CellAccount,
): Promise<void> {
  const { id, directory, signal } = context;
  const [worst] = tally.worst();
  if (worst === undefined || directory === undefined || context.formatScenario === undefined)
    return;
  if (ready.scenario.rig !== 'sim') return;
  const endsMs = context.now() + shrinkMsMax;
  const smaller = await shrinkScenario(ready, worst, {
    mayGoOn: () => !signal.aborted && context.now() < endsMs,
    onCandidate: (done, total) => {
      context.emit({ type: 'progress', cell: id, phase: 'shrink', done, total });
    },
  });
  if (smaller === undefined) return;
  directory.saveEvidence(id, 'reproducer.yaml', context.formatScenario(smaller));
}

/** Why the cell must stop now, or undefined. */
export type Deadline = () => string | undefined;

function createDeadline(
  ready: AnyReadyScenario,
  context: CellContext,
  startedMs: number,
): Deadline {
  const limitMs = ready.scenario.limits.durationMs;
  return () => {
    if (context.signal.aborted) return 'interrupted';
    return context.now() - startedMs > limitMs ? `out of time after ${limitMs} ms` : undefined;
  };
}
