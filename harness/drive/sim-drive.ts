import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import {
  DeviceError,
  type BlockDevice,
  type DeviceGeometry,
  type DriveEffect,
  type DriveFaultRule,
  type EngineArea,
  type EventSeq,
  type FaultableDrive,
  type FaultFiring,
  type Lba,
  type Nanoseconds,
  type Random,
  type RequestKind,
  type WriteFlags,
} from '../contract/index.ts';
import { DriveFaults, type ChosenEffect } from './drive-faults.ts';
import type { RequestShape, Shots } from './fault-rules.ts';
import type { History, RecordedFlush, UnitSubset } from './history.ts';
import type { SparseImage } from './image.ts';
import { latencyOf } from './latency.ts';
import type { MemoryPool } from './memory-pool.ts';
import type { Timeline } from './timeline.ts';
import { Unit, unitsOf } from './unit.ts';
import { UnitTrails } from './unit-trail.ts';
import {
  fateOfUnreached,
  landedDetails,
  lieDetails,
  writeFateOf,
  type WriteFate,
} from './write-fate.ts';

export interface SimDriveOptions {
  readonly name: string;
  /** Number of the drive in the history. */
  readonly device: number;
  readonly timeline: Timeline;
  readonly geometry: DeviceGeometry;
  /** The medium and cache as the host sees them; changed in place. */
  readonly image: SparseImage;
  readonly random: Random;
  /** Without one, the drive runs as ever but nothing can be explored afterwards. */
  readonly history?: History;
  /** Named by faults that fire, and aimed at by `atArea`. */
  readonly areas?: readonly EngineArea[];
  /** Drives may share one. */
  readonly requestLimit?: RequestLimit;
  /** Where buffers come from; fresh memory unless given. */
  readonly memory?: MemoryPool;
  /** Drives may share one list; each has its own unless given. */
  readonly firings?: FaultFiring[];
  /**
   * Told of a power-cut fault that a request to this drive sets off; what it takes is decided there.
   * Without it, it takes this drive and the timeline.
   */
  onPowerCut?(cut: PowerCut): void;
}

/** The request that finds nothing left is never answered, and neither are those after it. */
export interface RequestLimit {
  left: number;
  onExceeded(): void;
}

/** A power cut that fires. */
export interface PowerCut {
  readonly rule: DriveFaultRule;
  readonly random: Random;
  /** Notes the firing, to be put into the history. */
  note(details: FaultFiring['details']): FaultFiring;
}

/** What the drive received, counted at submission. */
export interface DriveCounters {
  requests: number;
  reads: number;
  writes: number;
  bytesRead: number;
  bytesWritten: number;
  flushes: number;
  fuaWrites: number;
  discards: number;
}

/** A write on its way. */
interface WriteInFlight {
  readonly lba: Lba;
  readonly source: Uint8Array;
  readonly payload: Uint8Array;
  readonly units: readonly Unit[];
  readonly fua: boolean;
  readonly fate: WriteFate;
  readonly fault: ChosenEffect | undefined;
  readonly submitted: EventSeq;
}

/**
 * An NVMe drive in virtual time. A write is captured when it is submitted and applied to the cache
 * when it completes; the order of completions is the recorded order. Reads answer what was applied
 * by their completion. What power loss may leave is computed from the history (unit-versions.ts).
 *
 * Model restriction: where the atomic unit is larger than a logical block, writes and discards must
 * be whole, aligned units, so that every version of a unit comes from one request and tearing is at
 * the unit. Anything else is answered with EINVAL.
 */
export class SimDrive implements BlockDevice, FaultableDrive {
  readonly name: string;
  readonly geometry: DeviceGeometry;
  readonly image: SparseImage;
  readonly counters: DriveCounters = {
    requests: 0,
    reads: 0,
    writes: 0,
    bytesRead: 0,
    bytesWritten: 0,
    flushes: 0,
    fuaWrites: 0,
    discards: 0,
  };
  readonly #device: number;
  readonly #timeline: Timeline;
  readonly #history: History | undefined;
  readonly #latency: Random;
  readonly #discardChoice: Random;
  readonly #trails: UnitTrails;
  readonly #faults: DriveFaults;
  readonly #unitBytes: number;
  readonly #zeros: Unit;
  readonly #requestLimit: RequestLimit | undefined;
  readonly #options: SimDriveOptions;
  readonly #firings: FaultFiring[];
  #isSilent = false;
  /** When the host notices that this drive alone has no power; undefined while it has. */
  #goneFromNs: Nanoseconds | undefined;
  #misuse: string | undefined;

  constructor(options: SimDriveOptions) {
    const { timeline, geometry, image, random, history } = options;
    this.name = options.name;
    this.geometry = geometry;
    this.image = image;
    this.#device = options.device;
    this.#timeline = timeline;
    this.#history = history;
    this.#latency = random.fork('latency');
    this.#discardChoice = random.fork('discard');
    this.#trails = new UnitTrails(image);
    this.#unitBytes = geometry.logicalBlockBytes * geometry.atomicWriteBlocks;
    assert.equal(image.unitBytes, this.#unitBytes, 'the image has the units of the geometry');
    this.#zeros = new Unit(new Uint8Array(this.#unitBytes));
    this.#requestLimit = options.requestLimit;
    this.#firings = options.firings ?? [];
    this.#options = options;
    this.#faults = new DriveFaults({
      device: options.device,
      timeline,
      geometry,
      image,
      trails: this.#trails,
      history,
      areas: options.areas ?? [],
      firings: this.#firings,
    });
    const { device, name } = options;
    history?.addDevice({ device, name, geometry, base: image.fork() });
  }

  /** What the engine did that no engine may do, the first time; undefined if nothing. */
  get misuse(): string | undefined {
    return this.#misuse;
  }

  /** Every fault that has fired on this drive, in order. */
  get firings(): readonly FaultFiring[] {
    return this.#firings;
  }

  /** `shots`: shared with the same rule on another drive. */
  arm(rule: DriveFaultRule, random: Random, shots?: Shots): void {
    this.#faults.arm(rule, random, shots);
  }

  /** Moments that count operations, flushes or time count from here. */
  beginWorkload(): void {
    if (!this.#isSilent) this.#faults.beginWorkload();
  }

  /** The workload's n-th operation, from 1, has been invoked. */
  noteOp(n: number): void {
    if (!this.#isSilent && !this.#isGone) this.#faults.noteOp(n);
  }

  /** From now on the drive answers nothing: not what is in flight, and nothing new. */
  cutPower(): void {
    this.#isSilent = true;
  }

  /**
   * The drive loses power while its host goes on. What is in flight, and what comes later, the host
   * answers with EIO, but not before it has noticed: the NVMe driver cancels the requests of a
   * controller that was removed (Linux drivers/nvme/host, nvme_remove and nvme_dev_disable). Whether
   * what was in flight has landed, only the medium knows: any part of it may have.
   */
  losePower(noticedAfterNs: Nanoseconds): void {
    this.#goneFromNs = this.#timeline.now() + noticedAfterNs;
  }

  /** Whether it lost power while its host went on. */
  get #isGone(): boolean {
    return this.#goneFromNs !== undefined;
  }

  allocate(byteCount: number): Uint8Array {
    return this.#options.memory?.allocate(byteCount) ?? new Uint8Array(byteCount);
  }

  async read(lba: Lba, target: Uint8Array): Promise<number> {
    const { byteOffset, byteCount } = this.#checkedRange('read', lba, target.length, 1);
    if (!this.#accepts()) return silence();
    this.counters.reads += 1;
    this.counters.bytesRead += byteCount;
    const fault = this.#meet({ request: 'read', byteOffset, byteCount });
    const blockCount = byteCount / this.geometry.logicalBlockBytes;
    const submitted = this.#history?.submitRead(this.#device, lba, blockCount) ?? 0;
    return this.#answer('read', byteCount, fault, () =>
      this.#finishRead(byteOffset, target, submitted, fault),
    );
  }

  async write(lba: Lba, source: Uint8Array, { fua }: WriteFlags): Promise<number> {
    const { atomicWriteBlocks, logicalBlockBytes } = this.geometry;
    const { byteOffset, byteCount } = this.#checkedRange(
      'write',
      lba,
      source.length,
      atomicWriteBlocks,
    );
    if (fua && !this.geometry.supportsFua) {
      throw new DeviceError('EOPNOTSUPP', 'write', `${this.name} has no FUA`);
    }
    if (!this.#accepts()) return silence();
    this.counters.writes += 1;
    this.counters.bytesWritten += byteCount;
    if (fua) this.counters.fuaWrites += 1;
    const payload = source.slice();
    const units = unitsOf(payload, this.#unitBytes);
    const fault = this.#meet({ request: 'write', byteOffset, byteCount });
    const fate = this.#isGone
      ? fateOfUnreached
      : writeFateOf(fault?.effect, units.length, fault?.armed.random);
    // A lie is told from submission on: what it lands can be on the medium before the answer.
    if (fate.isLie && fault) this.#faults.fire(fault, lieDetails(fate, lba, this.geometry));
    const submitted =
      this.#history?.submitWrite({
        device: this.#device,
        lba,
        blockCount: byteCount / logicalBlockBytes,
        fua,
        payload,
        units,
        landsAtUnit: byteOffset / this.#unitBytes + fate.shiftUnits,
        inFlight: fate.inFlight,
      }) ?? 0;
    const write = { lba, source, payload, units, fua, fate, fault, submitted };
    return this.#answer(fua ? 'fua' : 'write', byteCount, fault, () => this.#finishWrite(write));
  }

  async flush(): Promise<void> {
    if (!this.#accepts()) return silence();
    this.counters.flushes += 1;
    const fault = this.#meet({ request: 'flush', byteOffset: 0, byteCount: 0 });
    const submitted = this.#history?.submitFlush(this.#device) ?? 0;
    const covered = this.#trails.applied;
    return this.#answer('flush', 0, fault, () => {
      this.#finishFlush(covered, submitted, fault);
    });
  }

  async discard(lba: Lba, blockCount: number): Promise<void> {
    const { atomicWriteBlocks, logicalBlockBytes } = this.geometry;
    const { byteOffset, byteCount } = this.#checkedRange(
      'discard',
      lba,
      blockCount * logicalBlockBytes,
      atomicWriteBlocks,
    );
    if (!this.#accepts()) return silence();
    this.counters.discards += 1;
    const fault = this.#meet({ request: 'discard', byteOffset, byteCount });
    const firstUnit = byteOffset / this.#unitBytes;
    const unitCount = byteCount / this.#unitBytes;
    const submitted =
      this.#history?.submitDiscard({ device: this.#device, firstUnit, unitCount }, lba) ?? 0;
    return this.#answer('discard', 0, fault, () => {
      this.#finishDiscard(firstUnit, unitCount, submitted);
    });
  }

  /** Abandons: what is in flight is never answered, and nothing is flushed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isSilent = true;
  }

  /** The fault that a request meets, if it reaches the drive. */
  #meet(shape: RequestShape): ChosenEffect | undefined {
    return this.#isGone ? undefined : this.#faults.choose(shape);
  }

  #checkedRange(
    operation: 'read' | 'write' | 'discard',
    lba: Lba,
    byteCount: number,
    alignBlocks: number,
  ): { byteOffset: number; byteCount: number } {
    const { logicalBlockBytes, capacityBlocks } = this.geometry;
    const blockCount = byteCount / logicalBlockBytes;
    const isWhole =
      Number.isInteger(lba / alignBlocks) && Number.isInteger(blockCount / alignBlocks);
    if (!isWhole || lba < 0 || blockCount < 1 || lba + blockCount > capacityBlocks) {
      throw new DeviceError(
        'EINVAL',
        operation,
        `${byteCount} bytes at LBA ${lba} of ${this.name}; expected whole multiples of ${alignBlocks} blocks of ${logicalBlockBytes} bytes below LBA ${capacityBlocks}`,
      );
    }
    return { byteOffset: lba * logicalBlockBytes, byteCount };
  }

  /** Counts the request; false where it must never be answered. */
  #accepts(): boolean {
    if (this.#isSilent || this.#timeline.isHalted) return false;
    this.counters.requests += 1;
    const limit = this.#requestLimit;
    if (limit === undefined) return true;
    limit.left -= 1;
    if (limit.left >= 0) return true;
    limit.onExceeded();
    return false;
  }

  /** Settles with what `finish` returns or throws, once the request has taken its time. */
  async #answer<T>(
    request: RequestKind | 'fua',
    byteCount: number,
    fault: ChosenEffect | undefined,
    finish: () => T,
  ): Promise<T> {
    if (fault?.effect?.kind === 'power-cut') this.#cutBy(fault);
    const delayNs = latencyOf(request, byteCount, this.#latency) + (fault?.stallNs ?? 0);
    await new Promise<void>((resolve) => {
      this.#timeline.after(delayNs, resolve);
    });
    if (this.#goneFromNs !== undefined) await this.#until(this.#goneFromNs);
    return this.#isSilent ? silence() : finish();
  }

  async #until(ns: Nanoseconds): Promise<void> {
    const leftNs = ns - this.#timeline.now();
    if (leftNs <= 0) return;
    await new Promise<void>((resolve) => {
      this.#timeline.after(leftNs, resolve);
    });
  }

  #cutBy(fault: ChosenEffect): void {
    const { rule, random } = fault.armed;
    const note = (details: FaultFiring['details']): FaultFiring =>
      this.#faults.notePowerCut(fault, details);
    if (this.#options.onPowerCut) {
      this.#options.onPowerCut({ rule, random, note });
      return;
    }
    this.#history?.fault(this.#device, note({}));
    this.#isSilent = true;
    this.#timeline.halt();
  }

  #finishRead(
    byteOffset: number,
    target: Uint8Array,
    submitted: EventSeq,
    fault: ChosenEffect | undefined,
  ): number {
    const failed = this.#isGone
      ? noPower
      : this.#faults.readFailure(byteOffset, target.length, fault);
    if (failed === undefined) this.#fillRead(byteOffset, target, fault);
    const answer = failed === undefined ? 'ok' : 'EIO';
    const byteCount = failed === undefined ? target.length : 0;
    this.#history?.completeRead(this.#device, submitted, answer, byteCount);
    if (failed !== undefined) throw new DeviceError('EIO', 'read', failed);
    return byteCount;
  }

  #fillRead(byteOffset: number, target: Uint8Array, fault: ChosenEffect | undefined): void {
    this.image.read(byteOffset, target);
    if (fault?.effect?.kind === 'stale-read') this.#faults.makeStale(byteOffset, target, fault);
  }

  #finishWrite(write: WriteInFlight): number {
    if (this.#isGone) return this.#failWrite(write);
    const { lba, units, fate, fault, submitted, payload } = write;
    const { logicalBlockBytes, atomicWriteBlocks, writeCache } = this.geometry;
    const firstUnit = lba / atomicWriteBlocks + fate.shiftUnits;
    // A drive that answers an error has promised nothing, FUA or not.
    const durable = writeCache === 'none' || (write.fua && fate.answer === 'ok');
    this.#apply(firstUnit, units, fate.landed, durable);
    if (fault?.effect && !fate.isLie) {
      this.#faults.fire(fault, landedDetails(fate, lba));
    }
    const byteCount = fate.unitsAnswered * this.#unitBytes;
    const { answer, effect, landed } = fate;
    this.#history?.completeWrite(submitted, { answer, byteCount, effect, landed, durable });
    this.#faults.noteWritten({ byteOffset: lba * logicalBlockBytes, byteCount: payload.length });
    if (this.#history) this.#checkUntouched(write);
    if (answer !== 'ok')
      throw new DeviceError(answer, 'write', `${payload.length} bytes at LBA ${lba}`);
    return byteCount;
  }

  /** What the host says of a write that it sent to a drive without power. */
  #failWrite({ lba, payload, submitted }: WriteInFlight): never {
    const { answer, effect, landed } = fateOfUnreached;
    const completion = { answer, byteCount: 0, effect, landed, durable: false };
    this.#history?.completeWrite(submitted, completion);
    throw new DeviceError('EIO', 'write', `${payload.length} bytes at LBA ${lba}: ${noPower}`);
  }

  /**
   * A buffer that changes under a request in flight is a bug of the engine that no drive can see. It is
   * kept beside the throw, since the engine may catch that.
   */
  #checkUntouched({ source, payload, lba }: WriteInFlight): void {
    if (Buffer.compare(source, payload) === 0) return;
    this.#misuse ??= `the buffer of the write at LBA ${lba} was changed while the write was in flight`;
    assert.fail(this.#misuse);
  }

  #apply(firstUnit: number, units: readonly Unit[], landed: UnitSubset, durable: boolean): void {
    const how = durable ? 'durable' : 'cached';
    if (landed === 'all') {
      units.forEach((unit, place) => {
        this.#applyUnit(firstUnit + place, unit, how);
      });
    } else {
      for (const place of landed) this.#applyUnit(firstUnit + place, units[place]!, how);
    }
    this.#trails.closeRequest();
  }

  #applyUnit(index: number, unit: Unit, how: 'durable' | 'cached' | 'discarded'): void {
    this.#trails.apply(index, unit, how);
    this.#faults.heal(index);
  }

  #finishFlush(covered: number, submitted: EventSeq, fault: ChosenEffect | undefined): void {
    if (this.#isGone) {
      this.#history?.completeFlush(this.#device, submitted, 'EIO', 'ignored');
      throw new DeviceError('EIO', 'flush', `${this.name}: ${noPower}`);
    }
    const effect = flushEffectOf(fault?.effect);
    const answer = fault?.effect?.kind === 'fail-flush' ? 'EIO' : 'ok';
    if (fault?.effect) this.#faults.fire(fault, { effect });
    if (effect === 'persisted') this.#trails.settle(covered);
    if (effect === 'dropped') this.#trails.drop(covered);
    this.#history?.completeFlush(this.#device, submitted, answer, effect);
    if (answer !== 'ok') throw new DeviceError('EIO', 'flush', this.name);
  }

  #finishDiscard(firstUnit: number, unitCount: number, submitted: EventSeq): void {
    // The history knows no discard that failed: this one stays in flight there.
    if (this.#isGone) throw new DeviceError('EIO', 'discard', `${this.name}: ${noPower}`);
    for (let place = 0; place < unitCount; place++) {
      if (this.#discardChoice.chance(1, 2)) {
        this.#applyUnit(firstUnit + place, this.#zeros, 'discarded');
      }
    }
    this.#trails.closeRequest();
    this.#history?.completeDiscard(submitted);
  }
}

const noPower = 'the drive has no power';

function silence(): Promise<never> {
  return new Promise<never>(() => undefined);
}

/** What becomes of what a flush covers, under the effect that it meets. */
export function flushEffectOf(effect: DriveEffect | undefined): RecordedFlush['effect'] {
  if (effect?.kind === 'ignore-flush') return 'ignored';
  if (effect?.kind === 'fail-flush') return effect.drops ? 'dropped' : 'ignored';
  return 'persisted';
}
