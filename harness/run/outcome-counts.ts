import type { LedgerView } from '../contract/index.ts';

export interface OutcomeCounts {
  readonly invoked: number;
  readonly acknowledged: number;
  /** Acknowledged operations other than flushes: what could be lost. */
  readonly changes: number;
  readonly rejected: number;
  readonly indeterminate: number;
}

/** Counts what settled after operation `since` (an id; 0 for all of them). */
export function outcomesOf(ledger: LedgerView, since = 0): OutcomeCounts {
  const counts = { acknowledged: 0, changes: 0, rejected: 0, indeterminate: 0 };
  for (const { id, settledAt, outcome, op } of ledger.entries) {
    if (id <= since || settledAt === Infinity) continue;
    counts[outcome.status]++;
    if (outcome.status === 'acknowledged' && op.kind !== 'flush') counts.changes++;
  }
  return { invoked: ledger.entries.length - since, ...counts };
}
