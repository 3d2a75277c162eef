import { nounFor, type FileLedgerView, type FileOpKind } from '../../contract/index.ts';
import { isDeclined } from '../../verify/files/replay-ledger.ts';
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

/** Workloads ask for nothing that a sound file system refuses, but for what it does not have. */
export function gapsOfFiles({ entries }: FileLedgerView): readonly string[] {
  const failed = entries.filter(
    (entry) => entry.outcome?.status === 'failed' && !isDeclined(entry),
  ).length;
  if (failed === 0) return [];
  return [`${failed} ${nounFor(failed, 'system call')} of the workload failed`];
}
