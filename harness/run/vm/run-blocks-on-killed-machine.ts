/**
 * A scenario of an engine of blocks in machines that are killed, one a round: the engine works in a guest whose drive is
 * the twin, and loses machine and volatile cache together. It recovers here, from every crash state that is looked at.
 */
import type { Failure } from '../../contract/index.ts';
import type { CellAccount } from '../cell-account.ts';
import type { ReadyScenario } from '../plugin-sources.ts';
import type { RoundRecord } from '../record-round.ts';
import { ResourceLedger } from '../resources.ts';
import { judgeRounds } from '../run-on-twin.ts';
import type { CellContext, Deadline } from '../run-scenario.ts';
import { saveRound } from '../saved-round.ts';
import { TimeLimit } from '../time-limit.ts';
import { consoleFileOf } from './machine-console.ts';
import { onceMoreAfterCrash } from './process-crash.ts';
import { recordKilledBlocks, type RecordKilledBlocksOptions } from './record-killed-blocks.ts';

export async function runBlocksOnKilledMachine(
  ready: ReadyScenario,
  context: CellContext,
  account: CellAccount,
  deadline: Deadline,
): Promise<readonly Failure[]> {
  const { id: cell, directory } = context;
  await using resources = ResourceLedger.open();
  using limit = new TimeLimit(context.signal, ready.scenario.limits.durationMs);
  try {
    return await judgeRounds(ready, context, account, deadline, async (round) => {
      const record = await recordRound(ready, context, round, { resources, stop: limit.signal });
      if (directory !== undefined) saveRound(directory, cell, record);
      for (const firing of record.firings) context.emit({ type: 'fault-fired', cell, firing });
      return record;
    });
  } catch (error) {
    if (!limit.signal.aborted) throw error;
    // Its machine was killed for that, and of this round nothing can be said.
    account.gaps.add(deadline() ?? 'stopped early');
    return [];
  }
}

function recordRound(
  ready: ReadyScenario,
  context: CellContext,
  round: number,
  { resources, stop }: Pick<RecordKilledBlocksOptions, 'resources' | 'stop'>,
): Promise<RoundRecord> {
  const onNote = (text: string): void => {
    context.emit({ type: 'note', text });
  };
  const options: RecordKilledBlocksOptions = {
    ready,
    round,
    resources,
    stop,
    consoleFile: consoleFileOf(context, resources),
    onNote,
    onProgress: (done, total) => {
      context.emit({ type: 'progress', cell: context.id, phase: 'workload', done, total });
    },
  };
  return onceMoreAfterCrash(() => recordKilledBlocks(options), onNote);
}
