import {
  HarnessError,
  type CrashWindow,
  type DurabilityContract,
  type Evidence,
  type LedgerPosition,
  type OpId,
  type RecoveredState,
} from '../contract/index.ts';
import type { Baseline } from './baseline.ts';
import {
  indexOf,
  latestInvocationBy,
  type BlockHistory,
  type LedgerIndex,
} from './ledger-index.ts';

/** The contents of one crash state beside the ledger as it stood then. */
export interface CrashEvidence {
  readonly index: LedgerIndex;
  readonly contract: DurabilityContract;
  readonly window: CrashWindow;
  readonly baseline: Baseline | undefined;
  /** Operations up to here are older than the baseline; 0 where there is none. */
  readonly baselineAt: LedgerPosition;
  readonly recovered: Extract<RecoveredState, { opened: true }>;
}

/** Undefined where the engine did not open: there are no contents to judge. */
export function crashEvidenceOf(evidence: Evidence): CrashEvidence | undefined {
  const { ledger, contract, window, recovered } = evidence;
  if (!recovered.opened) return undefined;
  const index = indexOf(ledger, contract);
  const baseline = index.baselineAt(window.last);
  return { index, contract, window, baseline, baselineAt: baseline?.at ?? 0, recovered };
}

/**
 * What the block showed; undefined where no operation on it had been invoked, so that nobody need
 * have read it. A block that should have been read and was not makes the evidence worthless.
 */
export function shownAt(crash: CrashEvidence, history: BlockHistory): OpId | undefined {
  const shown = crash.recovered.observed.blocks[history.block];
  if (shown === undefined && history.firstInvokedAt <= crash.window.last) {
    throw new HarnessError(
      'EVIDENCE_DAMAGED',
      `block ${history.block} was not read back, though the ledger has operations on it`,
    );
  }
  return shown;
}

/**
 * Whether the contract lets the block show anything at all: where it does so for what was not flushed,
 * and an operation on the block is not owed, was invoked by then and has not been followed by one that
 * is owed. What a recovery served stands in for everything older, where that is known.
 */
export function isExposed(crash: CrashEvidence, history: BlockHistory): boolean {
  const { index, contract, window, baseline, baselineAt } = crash;
  if (contract.unflushedContents !== 'anything') return false;
  const { block } = history;
  const since = baseline?.blockAt(block) === undefined ? 0 : baselineAt;
  const owedAt = owedInvocationAt(crash, history);
  return index.ledger
    .entriesOf(block)
    .some(
      (entry) =>
        entry.invokedAt > since &&
        entry.invokedAt <= window.first &&
        index.owedFrom[entry.id]! > window.last &&
        index.effectiveUntil[entry.id]! >= owedAt &&
        !index.isRejectedBy(entry, window.last),
    );
}

/**
 * When the last invoked of the operations that the block owes was invoked; 0 where it owes none. What
 * a recovery served stands in for everything older.
 */
export function owedInvocationAt(crash: CrashEvidence, history: BlockHistory): LedgerPosition {
  const owedAt = latestInvocationBy(history.owed, crash.window.last);
  if (owedAt > crash.baselineAt) return owedAt;
  return crash.baseline?.blockAt(history.block) === undefined ? owedAt : 0;
}
