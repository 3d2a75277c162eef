import type { Failure } from '../contract/index.ts';
import type { CellAccount } from './cell-account.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { recordOnKernel } from './record-on-kernel.ts';
import { ResourceLedger } from './resources.ts';
import { judgeRounds } from './run-on-twin.ts';
import type { CellContext, Deadline } from './run-scenario.ts';
import { saveRound } from './saved-round.ts';
import { TimeLimit } from './time-limit.ts';

/**
 * A scenario of an engine of blocks on the twin under the kernel: recorded through the block layer,
 * explored in this process, as the engine needs no kernel to recover.
 */
export async function runOnKernelTwin(
  ready: ReadyScenario,
  context: CellContext,
  account: CellAccount,
  deadline: Deadline,
): Promise<readonly Failure[]> {
  await using resources = ResourceLedger.open();
  using limit = new TimeLimit(context.signal, ready.scenario.limits.durationMs);
  return await judgeRounds(ready, context, account, deadline, async (round) => {
    const record = await recordOnKernel(ready, round, resources, limit.signal);
    if (context.directory !== undefined) saveRound(context.directory, context.id, record);
    for (const firing of record.firings)
      context.emit({ type: 'fault-fired', cell: context.id, firing });
    return record;
  });
}
