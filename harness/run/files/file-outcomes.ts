import type { FileLedgerView, FileOpKind } from '../../contract/index.ts';
import type { OutcomeCounts } from '../outcome-counts.ts';

const syncs: ReadonlySet<FileOpKind> = new Set(['fsync', 'fdatasync', 'sync-file-range', 'sync']);

/** How the operations of a round ended. A system call that failed counts as rejected. */
export function fileOutcomesOf({ entries }: FileLedgerView): OutcomeCounts {
  let acknowledged = 0;
  let changes = 0;
  let rejected = 0;
  for (const { op, outcome } of entries) {
    if (outcome?.status === 'failed') rejected++;
    if (outcome?.status !== 'acknowledged') continue;
    acknowledged++;
    if (!syncs.has(op.kind)) changes++;
  }
  const indeterminate = entries.length - acknowledged - rejected;
  return { invoked: entries.length, acknowledged, changes, rejected, indeterminate };
}
