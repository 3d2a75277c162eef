import type { DeviceErrorCode } from './errors.ts';
import type { FaultFiring } from './fault.ts';
import type { EventSeq, Lba, LedgerPosition, Nanoseconds } from './units.ts';

export type RequestKind = 'read' | 'write' | 'flush' | 'discard';

interface EventBase {
  readonly seq: EventSeq;
  /** Which drive: several may be cut together. */
  readonly device: number;
  readonly atNs: Nanoseconds;
}

/** A request reaches the drive. Its own sequence number names it from then on. */
export interface SubmitEvent extends EventBase {
  readonly kind: 'submit';
  readonly request: RequestKind;
  readonly lba: Lba;
  readonly blockCount: number;
  readonly fua: boolean;
}

/** The drive answers. What it says and what it did are both kept: a faulty drive's differ. */
export interface CompleteEvent extends EventBase {
  readonly kind: 'complete';
  readonly submitted: EventSeq;
  readonly request: RequestKind;
  /** What the engine was told. */
  readonly answer: 'ok' | DeviceErrorCode;
  /** Bytes the engine was told were moved. */
  readonly byteCount: number;
  /**
   * What happened: for a write, whether it landed whole; for a flush, whether it persisted what it
   * covered, nothing, or dropped it.
   */
  readonly effect: 'whole' | 'partial' | 'none' | 'elsewhere' | 'persisted' | 'ignored' | 'dropped';
}

/** A fault changed the medium or an answer. */
export interface FaultEvent extends EventBase {
  readonly kind: 'fault';
  readonly firing: FaultFiring;
}

/** The ledger reached a position: everything before it in the history came first. */
export interface MarkEvent extends EventBase {
  readonly kind: 'mark';
  readonly position: LedgerPosition;
}

export type HistoryEvent = SubmitEvent | CompleteEvent | FaultEvent | MarkEvent;

/** A history as proofs and reports read it; payloads are fetched by the write's sequence number. */
export interface HistoryView {
  readonly events: readonly HistoryEvent[];
  /** The bytes a write submitted, whole. */
  payloadOf(write: EventSeq): Uint8Array;
}
