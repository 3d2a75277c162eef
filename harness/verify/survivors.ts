import { changesOf, type LedgerEntry, type LedgerPosition, type OpId } from '../contract/index.ts';
import { isExposed, type CrashEvidence } from './crash-evidence.ts';

/**
 * When the last invoked of the operations that can be seen was invoked, and which it is; operations
 * older than the baseline do not count. Under `prefix` ordering everything acknowledged before it
 * must have survived.
 */
export interface Frontier {
  readonly invokedAt: LedgerPosition;
  readonly op: OpId;
}

export function frontierOf(crash: CrashEvidence): Frontier {
  const { index, window, baselineAt, recovered } = crash;
  const frontier = { invokedAt: baselineAt, op: 0 };
  const advance = (shown: OpId | undefined): void => {
    if (shown === undefined || shown <= 0) return;
    const entry = index.entry(shown);
    if (entry === undefined || entry.invokedAt > window.first) return;
    if (entry.invokedAt <= frontier.invokedAt) return;
    frontier.invokedAt = entry.invokedAt;
    frontier.op = shown;
  };
  for (const history of index.blocks) {
    if (!isExposed(crash, history)) advance(recovered.observed.blocks[history.block]);
  }
  recovered.observed.log.forEach(advance);
  return frontier;
}

/** Whether the operation changes more than one block. */
export function joinsBlocks({ op }: LedgerEntry): boolean {
  if (op.kind === 'write') return op.blockCount > 1;
  return new Set(changesOf(op).map(({ block }) => block)).size > 1;
}
