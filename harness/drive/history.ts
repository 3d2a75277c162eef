import assert from 'node:assert/strict';
import type {
  Clock,
  CompleteEvent,
  DeviceErrorCode,
  DeviceGeometry,
  EventSeq,
  FaultFiring,
  HistoryEvent,
  HistoryView,
  LedgerPosition,
  Lba,
  RequestKind,
} from '../contract/index.ts';
import type { SparseImage } from './image.ts';
import type { Unit } from './unit.ts';

/** Which units of a request: all of them, or those at these places in it, ascending. */
export type UnitSubset = 'all' | readonly number[];

export interface HistoryDevice {
  readonly device: number;
  readonly name: string;
  readonly geometry: DeviceGeometry;
  /** What the drive held before the history began. Not to be changed. */
  readonly base: SparseImage;
}

export interface RecordedWrite {
  readonly submitted: EventSeq;
  readonly device: number;
  readonly payload: Uint8Array;
  readonly units: readonly Unit[];
  /** Where its first unit lands: elsewhere than asked if it was misdirected. */
  readonly landsAtUnit: number;
  /** What may be on the medium while it is in flight: all, or what a lie will land. */
  readonly inFlight: UnitSubset;
  /** Undefined while it is in flight. */
  readonly completed: EventSeq | undefined;
  /** What it landed, once it is complete. */
  readonly landed: UnitSubset;
  /** Whether what it landed was durable when it completed. */
  readonly durable: boolean;
}

export interface RecordedDiscard {
  readonly submitted: EventSeq;
  readonly device: number;
  readonly firstUnit: number;
  readonly unitCount: number;
  readonly completed: EventSeq | undefined;
}

export interface RecordedFlush {
  readonly submitted: EventSeq;
  readonly device: number;
  readonly completed: EventSeq;
  readonly effect: 'persisted' | 'ignored' | 'dropped';
}

/** Contents that a fault put on the medium, durable at once. */
export interface RecordedRot {
  readonly seq: EventSeq;
  readonly device: number;
  readonly unitIndex: number;
  readonly unit: Unit;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface WriteSubmission {
  readonly device: number;
  readonly lba: Lba;
  readonly blockCount: number;
  readonly fua: boolean;
  readonly payload: Uint8Array;
  readonly units: readonly Unit[];
  readonly landsAtUnit: number;
  readonly inFlight: UnitSubset;
}

export interface WriteCompletion {
  readonly answer: 'ok' | DeviceErrorCode;
  readonly byteCount: number;
  readonly effect: CompleteEvent['effect'];
  readonly landed: UnitSubset;
  readonly durable: boolean;
}

/**
 * Everything that happened to one or several drives, in one order of sequence numbers, with what a
 * crash state needs to be exact: which units of a write landed, where, and what a fault put on the
 * medium. Append-only; payloads are kept by reference.
 */
export class History implements HistoryView {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #events: HistoryEvent[] = [];
  readonly #devices = new Map<number, HistoryDevice>();
  readonly #writes = new Map<EventSeq, Mutable<RecordedWrite>>();
  readonly #discards = new Map<EventSeq, Mutable<RecordedDiscard>>();
  readonly #flushes: RecordedFlush[] = [];
  readonly #rots: RecordedRot[] = [];
  readonly #cuts = new Map<number, EventSeq>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  get events(): readonly HistoryEvent[] {
    return this.#events;
  }

  /** Sequence number of the last event; 0 when nothing has happened. */
  get end(): EventSeq {
    return this.#events.length;
  }

  /** In the order in which they were added. */
  get devices(): readonly HistoryDevice[] {
    return [...this.#devices.values()];
  }

  /** In the order of submission. */
  get writes(): Iterable<RecordedWrite> {
    return this.#writes.values();
  }

  get discards(): Iterable<RecordedDiscard> {
    return this.#discards.values();
  }

  /** The completed ones, in the order of completion. */
  get flushes(): readonly RecordedFlush[] {
    return this.#flushes;
  }

  get rots(): readonly RecordedRot[] {
    return this.#rots;
  }

  /**
   * Drives that lost power while others kept it, with the event at which they did. A cut that leaves
   * no drive ends the history and is not listed.
   */
  get cuts(): ReadonlyMap<number, EventSeq> {
    return this.#cuts;
  }

  payloadOf(write: EventSeq): Uint8Array {
    return this.writeOf(write).payload;
  }

  writeOf(write: EventSeq): RecordedWrite {
    const recorded = this.#writes.get(write);
    assert(recorded !== undefined, `event ${write} is not the submission of a write`);
    return recorded;
  }

  deviceOf(device: number): HistoryDevice {
    const found = this.#devices.get(device);
    assert(found !== undefined, `the history has no device ${device}`);
    return found;
  }

  /** Ties the ledger to the history: everything before this event came before that position. */
  mark(position: LedgerPosition): EventSeq {
    const seq = this.#next();
    this.#events.push({ kind: 'mark', seq, device: 0, atNs: this.#clock.now(), position });
    return seq;
  }

  addDevice(device: HistoryDevice): void {
    assert(!this.#devices.has(device.device), `device ${device.device} is already recorded`);
    this.#devices.set(device.device, device);
  }

  submitWrite(write: WriteSubmission): EventSeq {
    const { device, lba, blockCount, fua, payload, units, landsAtUnit, inFlight } = write;
    const submitted = this.#submit(device, 'write', lba, blockCount, fua);
    this.#writes.set(submitted, {
      submitted,
      device,
      payload,
      units,
      landsAtUnit,
      inFlight,
      completed: undefined,
      landed: [],
      durable: false,
    });
    return submitted;
  }

  completeWrite(submitted: EventSeq, completion: WriteCompletion): EventSeq {
    const write = this.#writes.get(submitted)!;
    const { answer, byteCount, effect, landed, durable } = completion;
    const seq = this.#complete(write.device, submitted, 'write', answer, byteCount, effect);
    write.completed = seq;
    write.landed = landed;
    write.durable = durable;
    return seq;
  }

  submitDiscard(discard: Omit<RecordedDiscard, 'submitted' | 'completed'>, lba: Lba): EventSeq {
    const { device, unitCount } = discard;
    const blockCount = unitCount * this.deviceOf(device).geometry.atomicWriteBlocks;
    const submitted = this.#submit(device, 'discard', lba, blockCount, false);
    this.#discards.set(submitted, { ...discard, submitted, completed: undefined });
    return submitted;
  }

  completeDiscard(submitted: EventSeq): EventSeq {
    const discard = this.#discards.get(submitted)!;
    discard.completed = this.#complete(discard.device, submitted, 'discard', 'ok', 0, 'whole');
    return discard.completed;
  }

  submitRead(device: number, lba: Lba, blockCount: number): EventSeq {
    return this.#submit(device, 'read', lba, blockCount, false);
  }

  completeRead(
    device: number,
    submitted: EventSeq,
    answer: 'ok' | DeviceErrorCode,
    byteCount: number,
  ): EventSeq {
    const effect = answer === 'ok' ? 'whole' : 'none';
    return this.#complete(device, submitted, 'read', answer, byteCount, effect);
  }

  submitFlush(device: number): EventSeq {
    return this.#submit(device, 'flush', 0, 0, false);
  }

  completeFlush(
    device: number,
    submitted: EventSeq,
    answer: 'ok' | DeviceErrorCode,
    effect: RecordedFlush['effect'],
  ): EventSeq {
    const completed = this.#complete(device, submitted, 'flush', answer, 0, effect);
    this.#flushes.push({ submitted, device, completed, effect });
    return completed;
  }

  fault(device: number, firing: FaultFiring): EventSeq {
    const seq = this.#next();
    this.#events.push({ kind: 'fault', seq, device, atNs: this.#clock.now(), firing });
    return seq;
  }

  /** A fault that changed a unit on the medium. */
  rot(device: number, firing: FaultFiring, unitIndex: number, unit: Unit): EventSeq {
    const seq = this.fault(device, firing);
    this.#rots.push({ seq, device, unitIndex, unit });
    return seq;
  }

  /** The drive has lost power, alone: what becomes of its requests from here on changes nothing. */
  cutAlone(device: number, firing: FaultFiring): EventSeq {
    const seq = this.fault(device, firing);
    this.#cuts.set(device, seq);
    return seq;
  }

  #next(): EventSeq {
    return this.#events.length + 1;
  }

  #submit(
    device: number,
    request: RequestKind,
    lba: Lba,
    blockCount: number,
    fua: boolean,
  ): EventSeq {
    const seq = this.#next();
    const atNs = this.#clock.now();
    this.#events.push({ kind: 'submit', seq, device, atNs, request, lba, blockCount, fua });
    return seq;
  }

  #complete(
    device: number,
    submitted: EventSeq,
    request: RequestKind,
    answer: 'ok' | DeviceErrorCode,
    byteCount: number,
    effect: CompleteEvent['effect'],
  ): EventSeq {
    const seq = this.#next();
    const atNs = this.#clock.now();
    this.#events.push({
      kind: 'complete',
      seq,
      device,
      atNs,
      submitted,
      request,
      answer,
      byteCount,
      effect,
    });
    return seq;
  }
}
