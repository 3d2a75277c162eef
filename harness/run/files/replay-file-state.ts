import { HarnessError } from '../../contract/index.ts';
import type { StateId } from '../find-state.ts';
import type { ReadyFileScenario } from '../plugin-sources.ts';
import type { Replay } from '../replay-state.ts';
import { ResourceLedger } from '../resources.ts';
import type { RunDirectory } from '../run-directory.ts';
import { explainFileFailures } from './explain-file-failures.ts';
import { FileExplorer } from './file-explorer.ts';
import { roundBudgetOf } from './run-files.ts';
import { loadFileRound } from './saved-file-round.ts';

/** Makes one crash state of a saved round again, byte for byte, mounts it and judges what is in it. */
export async function replayFileState(
  ready: ReadyFileScenario,
  directory: RunDirectory,
  cell: string,
  { round, state }: StateId,
): Promise<Replay> {
  const explorer = new FileExplorer(
    ready,
    loadFileRound(directory, cell, round),
    roundBudgetOf(ready.scenario),
  );
  const { states } = explorer.plan;
  if (typeof state !== 'number' || states[state] === undefined) {
    throw new HarnessError(
      'CONFIG_INVALID',
      `round ${round} has no crash state ${state}: it has ${states.length}, from 0`,
    );
  }
  await using resources = ResourceLedger.open();
  await using mounter = await explorer.openMounter(resources);
  const judged = await explorer.judge(state, mounter);
  const violations = judged.violations.map((violation) => ({ state: judged.id, violation }));
  return {
    cell,
    judged,
    failures: explainFileFailures([explorer], violations, { id: cell, directory }),
  };
}
