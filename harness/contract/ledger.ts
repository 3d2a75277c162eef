import type { FaultFiring } from './fault.ts';
import type { Op, Outcome } from './op.ts';
import type { BlockNumber, Epoch, LedgerPosition, Nanoseconds, OpId } from './units.ts';

/**
 * The record of what was asked and what was promised. Append-only; it lives outside the fault domain
 * of the engine, so that a crash under test never reaches it.
 */
export interface AckLedger {
  /** Must return before the operation is submitted, or a lost operation would be invisible. */
  invoke(op: Op, writer: number, atNs: Nanoseconds): OpId;
  settle(id: OpId, outcome: Outcome, atNs: Nanoseconds): void;
  mark(mark: LedgerMark): void;
  /** What has been recorded so far; later records do not change it. */
  view(): LedgerView;
}

export type LedgerMark =
  | { readonly kind: 'fault'; readonly firing: FaultFiring }
  /** Power was cut or the process killed: acknowledgements from here to `recovered` are void. */
  | { readonly kind: 'crash'; readonly endedEpoch: Epoch }
  /**
   * Recovery ended and this is what it served. From here on, what was seen must stay and what was
   * not seen must not come back (JOURNAL-ENGINE I2).
   */
  | { readonly kind: 'recovered'; readonly epoch: Epoch; readonly observed: ObservedContents };

/** What the volume and the log held when they were read. */
export interface ObservedContents {
  /** Per block: the id of the operation whose whole stamp was read, `initialContents` or `damaged`. */
  readonly blocks: Int32Array;
  /** Ids of the appended records, in log order. */
  readonly log: Int32Array;
}

/** The block holds what the medium held before the run: no operation of the run is visible. */
export const initialContents = 0;
/** The block is not whole; RecoveredState says how. */
export const damaged = -1;

export interface LedgerEntry {
  readonly id: OpId;
  readonly epoch: Epoch;
  readonly writer: number;
  readonly op: Op;
  readonly invokedAt: LedgerPosition;
  /** Infinity while it has not settled. */
  readonly settledAt: LedgerPosition;
  /** An operation that never settled is indeterminate. */
  readonly outcome: Outcome;
  readonly invokedNs: Nanoseconds;
  readonly settledNs: Nanoseconds;
}

export interface PlacedMark {
  readonly at: LedgerPosition;
  readonly mark: LedgerMark;
}

export interface LedgerView {
  readonly seed: number;
  /** Position of the last record; 0 when empty. */
  readonly end: LedgerPosition;
  /** In the order of invocation: entry `n` has the id `n + 1`. */
  readonly entries: readonly LedgerEntry[];
  readonly marks: readonly PlacedMark[];
  /** Entries that change the block, in the order of invocation. */
  entriesOf(block: BlockNumber): readonly LedgerEntry[];
  /** All blocks that any entry changes, ascending. */
  readonly blocks: readonly BlockNumber[];
}

/**
 * The ledger positions at which a crash can have left a state: every position from `first` to
 * `last`. What was acknowledged by `last` must be there; what was invoked by `first` may be.
 */
export interface CrashWindow {
  readonly first: LedgerPosition;
  readonly last: LedgerPosition;
}
