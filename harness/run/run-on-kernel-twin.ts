import type { Failure } from '../contract/index.ts';
import type { CellAccount } from './cell-account.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { recordOnKernel } from './record-on-kernel.ts';
import { ResourceLedger } from './resources.ts';
import { judgeRounds } from './run-on-twin.ts';
import type { CellContext, Deadline } from './run-scenario.ts';
import { saveRound } from './saved-round.ts';

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
  const timeLimit = AbortSignal.timeout(ready.scenario.limits.durationMs);
  const stop = AbortSignal.any([context.signal, timeLimit]);
  return await judgeRounds(ready, context, account, deadline, async (round) => {
    const record = await recordOnKernel(ready, round, resources, stop);
    if (context.directory !== undefined) saveRound(context.directory, context.id, record);
    for (const firing of record.firings)
      context.emit({ type: 'fault-fired', cell: context.id, firing });
    return record;
  });
}
