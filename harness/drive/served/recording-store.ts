/**
 * The twin behind a server of real requests: a drive with a volatile write cache in real time, which
 * writes the same history as the drive of the simulated rig, meets the same faults and leaves the same
 * crash states. It does no I/O: a server (FUSE, NBD) hands over each request when it has read it, and
 * asks for the answer when it is about to send it.
 *
 * What is in the history is what a crash may leave, so the order of events must be the real one: a
 * request is submitted when it was read, and complete before its answer is sent. A server that reads
 * late, or answers one request before it reads the next, makes requests complete earlier, compared with
 * what is submitted after them, than a drive with a deep queue would. A flush then covers more, and
 * fewer states are legal: some are missed, none is made up.
 */
import assert from 'node:assert/strict';
import {
  HarnessError,
  type Clock,
  type DeviceErrorCode,
  type DeviceGeometry,
  type DriveFaultRule,
  type EngineArea,
  type EventSeq,
  type FaultFiring,
  type LedgerPosition,
  type Random,
} from '../../contract/index.ts';
import { DriveFaults, type ChosenEffect } from '../drive-faults.ts';
import type { RequestShape } from '../fault-rules.ts';
import { History, type UnitSubset } from '../history.ts';
import type { SparseImage } from '../image.ts';
import { flushEffectOf } from '../sim-drive.ts';
import { Unit, unitsOf } from '../unit.ts';
import { UnitTrails } from '../unit-trail.ts';
import { landedDetails, lieDetails, writeFateOf, type WriteFate } from '../write-fate.ts';
import { allOf, answered, type PendingRequest, type StoreAnswer } from './pending-request.ts';
import { UnitMerger, type UnitRun, type WrittenUnits } from './unit-merger.ts';

export interface RecordingStoreOptions {
  readonly name: string;
  readonly geometry: DeviceGeometry;
  /** The medium and cache as the host sees them; changed in place. */
  readonly image: SparseImage;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  /** Number of the drive in the history, 0 unless given. */
  readonly device?: number;
  /** Named by faults that fire, and aimed at by `atArea`. */
  readonly areas?: readonly EngineArea[];
  /** A fault has cut the power. */
  onPowerCut?(firing: FaultFiring): void;
}

interface WriteInFlight extends WrittenUnits {
  readonly fua: boolean;
  readonly fate: WriteFate;
  readonly fault: ChosenEffect | undefined;
  readonly submitted: EventSeq;
}

/** Zeros are written in pieces, so that none takes the memory of a drive. */
const zeroPieceBytes = 1024 * 1024;

export class RecordingStore {
  readonly name: string;
  readonly geometry: DeviceGeometry;
  readonly history: History;
  readonly byteCount: number;
  readonly #options: RecordingStoreOptions;
  readonly #device: number;
  readonly #image: SparseImage;
  readonly #unitBytes: number;
  readonly #trails: UnitTrails;
  readonly #faults: DriveFaults;
  readonly #firings: FaultFiring[] = [];
  readonly #discardChoice: Random;
  readonly #zeroPiece: Uint8Array;
  readonly #zeros: Unit;
  readonly #merger: UnitMerger;
  #isCut = false;

  constructor(options: RecordingStoreOptions) {
    const { name, geometry, image, clock, random, device = 0, areas = [] } = options;
    this.name = name;
    this.geometry = geometry;
    this.history = new History(clock);
    this.history.addDevice({ device, name, geometry, base: image.fork() });
    this.byteCount = geometry.capacityBlocks * geometry.logicalBlockBytes;
    this.#options = options;
    this.#device = device;
    this.#image = image;
    this.#unitBytes = geometry.logicalBlockBytes * geometry.atomicWriteBlocks;
    assert.equal(image.unitBytes, this.#unitBytes, 'the image has the units of the geometry');
    this.#trails = new UnitTrails(image);
    this.#merger = new UnitMerger(image);
    this.#discardChoice = random.fork('discard');
    this.#zeroPiece = new Uint8Array(Math.ceil(zeroPieceBytes / this.#unitBytes) * this.#unitBytes);
    this.#zeros = new Unit(this.#zeroPiece.subarray(0, this.#unitBytes));
    this.#faults = new DriveFaults({
      device,
      timeline: clock,
      geometry,
      image,
      trails: this.#trails,
      history: this.history,
      areas,
      firings: this.#firings,
    });
  }

  /** Every fault that has fired, in order. */
  get firings(): readonly FaultFiring[] {
    return this.#firings;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /** Placed after everything answered so far, and before whatever is read after the call. */
  mark(position: LedgerPosition): void {
    if (!this.#isCut) this.history.mark(position);
  }

  /**
   * Throws CONFIG_INVALID for an area that nobody names, and for a short write: Linux has none on a
   * block device, and its loop driver takes one for a whole one (drivers/block/loop.c, lo_complete_rq).
   */
  arm(rule: DriveFaultRule, random: Random): void {
    if (rule.effect.kind === 'short-write') {
      throw new HarnessError(
        'CONFIG_INVALID',
        `fault ${rule.fault} makes short writes, which no block device of the kernel does; expected a fault of whole requests`,
      );
    }
    this.#faults.arm(rule, random);
  }

  /** Moments that count operations, flushes or time count from here. */
  beginWorkload(): void {
    if (!this.#isCut) this.#faults.beginWorkload();
  }

  /** The workload's n-th operation, from 1, has been invoked. */
  noteOp(n: number): void {
    if (!this.#isCut) this.#faults.noteOp(n);
  }

  /** Power is cut: every request fails from here on, and nothing more is recorded. */
  cut(): void {
    this.#isCut = true;
  }

  /** The target is filled when the request is finished. Reads change nothing and are not recorded. */
  read(byteOffset: number, target: Uint8Array): PendingRequest {
    const shape = { request: 'read', byteOffset, byteCount: target.length } as const;
    const refusal = this.#refusalOf(shape);
    if (refusal !== undefined) return answered(refusal);
    const fault = this.#meet(shape);
    return this.#pending(fault, () => this.#finishRead(byteOffset, target, fault));
  }

  /** Keeps the bytes: they must not change any more. */
  write(byteOffset: number, bytes: Uint8Array, fua: boolean): PendingRequest {
    const asked = { request: 'write', byteOffset, byteCount: bytes.length } as const;
    const refusal = this.#refusalOf(asked) ?? this.#refusalOfFua(fua);
    if (refusal !== undefined) return answered(refusal);
    return this.#beginWrite(this.#merger.wholeUnits(byteOffset, bytes), fua, undefined);
  }

  /** The range reads as zeros afterwards, and for good once it is flushed. */
  writeZeros(byteOffset: number, byteCount: number, fua: boolean): PendingRequest {
    const asked = { request: 'write', byteOffset, byteCount } as const;
    const refusal = this.#refusalOf(asked) ?? this.#refusalOfFua(fua);
    if (refusal !== undefined) return answered(refusal);
    const pieces: PendingRequest[] = [];
    for (let done = 0; done < byteCount;) {
      const count = Math.min(this.#zeroPiece.length, byteCount - done);
      const piece = this.#merger.wholeUnits(byteOffset + done, this.#zeroPiece.subarray(0, count));
      pieces.push(this.#beginWrite(piece, fua, this.#zeros));
      done += count;
    }
    return allOf(pieces);
  }

  flush(): PendingRequest {
    if (this.#isCut) return answered('EIO');
    const fault = this.#meet({ request: 'flush', byteOffset: 0, byteCount: 0 });
    const submitted = this.history.submitFlush(this.#device);
    const covered = this.#trails.applied;
    return this.#pending(fault, () => this.#finishFlush(covered, submitted, fault));
  }

  /** Each whole unit of the range holds zeros afterwards, or what it held: a drive may do either. */
  discard(byteOffset: number, byteCount: number): PendingRequest {
    const asked = { request: 'discard', byteOffset, byteCount } as const;
    const refusal = this.#refusalOf(asked);
    if (refusal !== undefined) return answered(refusal);
    const firstUnit = Math.ceil(byteOffset / this.#unitBytes);
    const unitCount = Math.floor((byteOffset + byteCount) / this.#unitBytes) - firstUnit;
    if (unitCount <= 0) return answered('ok');
    const fault = this.#meet(asked);
    const lba = firstUnit * this.geometry.atomicWriteBlocks;
    const device = this.#device;
    const submitted = this.history.submitDiscard({ device, firstUnit, unitCount }, lba);
    return this.#pending(fault, () => this.#finishDiscard(firstUnit, unitCount, submitted));
  }

  #refusalOf({ byteOffset, byteCount }: RequestShape): DeviceErrorCode | undefined {
    if (this.#isCut) return 'EIO';
    const { logicalBlockBytes } = this.geometry;
    const isWhole = byteOffset % logicalBlockBytes === 0 && byteCount % logicalBlockBytes === 0;
    const fits = byteOffset >= 0 && byteCount > 0 && byteOffset + byteCount <= this.byteCount;
    return isWhole && fits ? undefined : 'EINVAL';
  }

  #refusalOfFua(fua: boolean): DeviceErrorCode | undefined {
    return fua && !this.geometry.supportsFua ? 'EOPNOTSUPP' : undefined;
  }

  #meet(shape: RequestShape): ChosenEffect | undefined {
    return this.#faults.choose(shape);
  }

  /** A power cut comes with the request that sets it off, which is in flight then. */
  #pending(fault: ChosenEffect | undefined, finish: () => StoreAnswer): PendingRequest {
    if (fault?.effect?.kind === 'power-cut') {
      const firing = this.#faults.notePowerCut(fault, {});
      this.history.fault(this.#device, firing);
      this.cut();
      this.#options.onPowerCut?.(firing);
    }
    return { stallNs: fault?.stallNs ?? 0, finish: () => (this.#isCut ? 'EIO' : finish()) };
  }

  #finishRead(
    byteOffset: number,
    target: Uint8Array,
    fault: ChosenEffect | undefined,
  ): StoreAnswer {
    const failed = this.#faults.readFailure(byteOffset, target.length, fault);
    if (failed !== undefined) return 'EIO';
    this.#image.read(byteOffset, target);
    if (fault?.effect?.kind === 'stale-read') this.#faults.makeStale(byteOffset, target, fault);
    return 'ok';
  }

  /** `same`: what all units hold, where it is one content. */
  #beginWrite(
    { firstUnit, payload }: UnitRun,
    fua: boolean,
    same: Unit | undefined,
  ): PendingRequest {
    // An earlier piece of the same request may have set off a cut.
    if (this.#isCut) return answered('EIO');
    const unitBytes = this.#unitBytes;
    const isSame = same !== undefined && payload.buffer === this.#zeroPiece.buffer;
    const units = isSame
      ? new Array<Unit>(payload.length / unitBytes).fill(same)
      : unitsOf(payload, unitBytes);
    const byteOffset = firstUnit * unitBytes;
    const fault = this.#meet({ request: 'write', byteOffset, byteCount: payload.length });
    const fate = writeFateOf(fault?.effect, units.length, fault?.armed.random);
    const lba = firstUnit * this.geometry.atomicWriteBlocks;
    // A lie is told from submission on: what it lands can be on the medium before the answer.
    if (fate.isLie && fault) this.#faults.fire(fault, lieDetails(fate, lba, this.geometry));
    const submitted = this.history.submitWrite({
      device: this.#device,
      lba,
      blockCount: units.length * this.geometry.atomicWriteBlocks,
      fua,
      payload,
      units,
      landsAtUnit: firstUnit + fate.shiftUnits,
      inFlight: fate.inFlight,
    });
    const write = { firstUnit, units, fua, fate, fault, submitted };
    this.#merger.begin(write);
    return this.#pending(fault, () => this.#finishWrite(write));
  }

  #finishWrite(write: WriteInFlight): StoreAnswer {
    const { firstUnit, units, fua, fate, fault, submitted } = write;
    const { answer, effect, landed } = fate;
    const { atomicWriteBlocks, writeCache } = this.geometry;
    this.#merger.end(write);
    // A drive that answers an error has promised nothing, FUA or not.
    const durable = writeCache === 'none' || (fua && answer === 'ok');
    this.#apply(firstUnit + fate.shiftUnits, units, landed, durable);
    if (fault?.effect && !fate.isLie) {
      this.#faults.fire(fault, landedDetails(fate, firstUnit * atomicWriteBlocks));
    }
    const byteCount = fate.unitsAnswered * this.#unitBytes;
    this.history.completeWrite(submitted, { answer, byteCount, effect, landed, durable });
    this.#faults.noteWritten({
      byteOffset: firstUnit * this.#unitBytes,
      byteCount: units.length * this.#unitBytes,
    });
    return answer;
  }

  #apply(firstUnit: number, units: readonly Unit[], landed: UnitSubset, durable: boolean): void {
    const how = durable ? 'durable' : 'cached';
    for (const place of landed === 'all' ? units.keys() : landed) {
      this.#applyUnit(firstUnit + place, units[place]!, how);
    }
    this.#trails.closeRequest();
  }

  #applyUnit(index: number, unit: Unit, how: 'durable' | 'cached' | 'discarded'): void {
    this.#trails.apply(index, unit, how);
    this.#faults.heal(index);
  }

  #finishFlush(covered: number, submitted: EventSeq, fault: ChosenEffect | undefined): StoreAnswer {
    const effect = flushEffectOf(fault?.effect);
    const answer = fault?.effect?.kind === 'fail-flush' ? 'EIO' : 'ok';
    if (fault?.effect) this.#faults.fire(fault, { effect });
    if (effect === 'persisted') this.#trails.settle(covered);
    if (effect === 'dropped') this.#trails.drop(covered);
    this.history.completeFlush(this.#device, submitted, answer, effect);
    return answer;
  }

  #finishDiscard(firstUnit: number, unitCount: number, submitted: EventSeq): StoreAnswer {
    for (let place = 0; place < unitCount; place++) {
      if (this.#discardChoice.chance(1, 2)) {
        this.#applyUnit(firstUnit + place, this.#zeros, 'discarded');
      }
    }
    this.#trails.closeRequest();
    this.history.completeDiscard(submitted);
    return 'ok';
  }
}
