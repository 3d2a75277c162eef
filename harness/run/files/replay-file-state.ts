import { HarnessError } from '../../contract/index.ts';
import type { StateMounter } from '../../rigs/mounted-states.ts';
import type { StateId } from '../find-state.ts';
import type { JudgedState } from '../judge-windows.ts';
import type { ReadyFileScenario } from '../plugin-sources.ts';
import type { Replay } from '../replay-state.ts';
import { ResourceLedger } from '../resources.ts';
import type { RunDirectory } from '../run-directory.ts';
import { explainFileFailures } from './explain-file-failures.ts';
import { FileExplorer } from './file-explorer.ts';
import type { FileRoundRecord } from './file-round.ts';
import { NestedFileExplorer } from './nested-explorer.ts';
import { roundBudgetOf } from './run-files.ts';
import { loadFileRound } from './saved-file-round.ts';

/** Makes one crash state of a saved round again, byte for byte, mounts it and judges what is in it. */
export async function replayFileState(
  ready: ReadyFileScenario,
  directory: RunDirectory,
  cell: string,
  { round, state, nested }: StateId,
): Promise<Replay> {
  const record = loadFileRound(directory, cell, round);
  const explorer = new FileExplorer(ready, record, roundBudgetOf(ready.scenario));
  const { states } = explorer.plan;
  if (typeof state !== 'number' || states[state] === undefined) {
    throw new HarnessError(
      'CONFIG_INVALID',
      `round ${round} has no crash state ${state}: it has ${states.length}, from 0`,
    );
  }
  await using resources = ResourceLedger.open();
  await using mounter = await explorer.openMounter(resources);
  const judged = await (nested === undefined
    ? explorer.judge(state, mounter)
    : judgeNested(explorer, record, { state, nested }, mounter));
  const violations = judged.violations.map((violation) => ({ state: judged.id, violation }));
  return {
    cell,
    judged,
    failures: explainFileFailures([explorer], violations, { id: cell, directory }),
  };
}

async function judgeNested(
  explorer: FileExplorer,
  record: FileRoundRecord,
  { state, nested }: { state: number; nested: number },
  mounter: StateMounter,
): Promise<JudgedState> {
  const task = explorer.nestedTasks.find(({ parent }) => parent === state);
  const recovery = record.recoveryOf?.(state);
  if (task === undefined || recovery === undefined) {
    throw new HarnessError(
      'CONFIG_INVALID',
      `nothing is nested in state ${state}: it was not chosen for that, or its recovery failed`,
    );
  }
  const within = new NestedFileExplorer(explorer, state, recovery, task.states);
  if (within.plan.states[nested] !== undefined) return within.judge(nested, mounter);
  throw new HarnessError(
    'CONFIG_INVALID',
    `state ${state} has no crash state ${nested}: it has ${within.plan.states.length}, from 0`,
  );
}
