/**
 * Turns requests into entries of the submission queue, and says of a completion which request it
 * answers. Most requests are one entry.
 *
 * A durable write to a file on a disk without FUA is two where it is not alone in flight, linked: the
 * write, then fdatasync. The kernel would do the same for RWF_DSYNC, but from a worker bound to the
 * processor that took the interrupt: where that is busy, with JavaScript or with anybody else's work,
 * the write waits for it for milliseconds. The workers of a ring run wherever there is room. Only the
 * last of the two answers, or the write where it fails or is short. Alone in flight, one entry is
 * quicker by 10 to 15 µs: this thread sleeps meanwhile and keeps no processor busy.
 */
import assert from 'node:assert/strict';
import type { Lba } from '../contract/index.ts';
import type { IoUring } from '../sys/io-uring.ts';
import {
  fallocateMode,
  fsyncFlag,
  operationCode,
  sqeFlag,
  transferFlag,
} from '../sys/io-uring-layout.ts';
import type { DeviceFacts } from './device-facts.ts';
import type { DeviceOperation } from './device-failure.ts';
import type { Place } from './transfer-memory.ts';

export interface DeviceRequest {
  readonly operation: DeviceOperation;
  readonly lba: Lba;
  /** Bytes to transfer or to discard. */
  readonly byteCount: number;
  /** The caller's memory; held so that it is not collected while the device uses it. */
  readonly memory: Uint8Array | undefined;
  readonly place: Place | undefined;
  readonly fua: boolean;
  resolve(byteCount: number): void;
  reject(error: Error): void;
}

export interface EntriesSite {
  readonly ring: IoUring;
  readonly fd: number;
  readonly facts: DeviceFacts;
  readonly logicalBlockBytes: number;
  /** Slots are numbered from 0. */
  readonly slotCount: number;
}

/** At most that many entries for a request. */
export const entriesPerRequest = 2;

/**
 * A read into memory that is not registered makes the kernel provide the memory where nobody has
 * touched it yet, which takes far longer than the read. From so many bytes on its workers do that, on
 * other processors, and not the thread that submits.
 */
const workerReadBytesMin = 256 * 1024;

export class RequestEntries {
  readonly #site: EntriesSite;
  readonly #linksFlush: boolean;

  constructor(site: EntriesSite) {
    const { facts, ring } = site;
    this.#site = site;
    this.#linksFlush = facts.kind === 'regular-file' && facts.fua === false && ring.canSkipSuccess;
  }

  /** @param isAlone nothing else is in flight */
  push(request: DeviceRequest, slot: number, isAlone: boolean): void {
    if (request.operation === 'discard') this.#pushDiscard(request, slot);
    else if (request.operation === 'flush') this.#pushFlush(slot);
    else if (request.fua && this.#linksFlush && !isAlone) this.#pushLinked(request, slot);
    else this.#pushTransfer(request, slot, 0, request.fua ? transferFlag.dataSync : 0);
  }

  /** The slot of the request that a completion with this user data answers. */
  slotOf(userData: number): number {
    return userData % this.#site.slotCount;
  }

  /** What the request comes to: the bytes transferred, or minus the errno. */
  resultOf(request: DeviceRequest, userData: number, result: number): number {
    const isLinkedFlush = userData >= this.#site.slotCount;
    return isLinkedFlush && result === 0 ? request.byteCount : result;
  }

  /** Slots of the entries that the kernel has not taken and now will not; each once. */
  withdraw(): readonly number[] {
    return [...new Set(this.#site.ring.withdraw().map((userData) => this.slotOf(userData)))];
  }

  /**
   * The kernel takes both entries of a pair or none, short of running out of memory between them. A
   * flush without its write would vouch for what it does not cover.
   */
  assertPairsWhole(): void {
    const next = this.#site.ring.firstUnsubmitted;
    assert(next === undefined || next < this.#site.slotCount, 'a write was parted from its flush');
  }

  #pushLinked(request: DeviceRequest, slot: number): void {
    this.#pushTransfer(request, slot, sqeFlag.link | sqeFlag.skipSuccess, 0);
    this.#pushFlush(slot + this.#site.slotCount);
  }

  #pushTransfer(
    { operation, lba, byteCount, place }: DeviceRequest,
    slot: number,
    flags: number,
    operationFlags: number,
  ): void {
    const { ring, fd, logicalBlockBytes } = this.#site;
    const { address, bufferIndex } = place!;
    const isRegistered = bufferIndex >= 0;
    const isRead = operation === 'read';
    ring.push({
      operation: isRegistered
        ? isRead
          ? operationCode.readFixed
          : operationCode.writeFixed
        : isRead
          ? operationCode.read
          : operationCode.write,
      flags:
        isRead && !isRegistered && byteCount >= workerReadBytesMin ? flags | sqeFlag.async : flags,
      file: fd,
      byteOffset: lba * logicalBlockBytes,
      address,
      byteCount,
      operationFlags,
      userData: slot,
      bufferIndex: isRegistered ? bufferIndex : 0,
    });
  }

  #pushFlush(userData: number): void {
    const { ring, fd } = this.#site;
    ring.push({
      operation: operationCode.fsync,
      flags: 0,
      file: fd,
      byteOffset: 0,
      address: 0,
      byteCount: 0,
      operationFlags: fsyncFlag.dataSync,
      userData,
      bufferIndex: 0,
    });
  }

  #pushDiscard({ lba, byteCount }: DeviceRequest, slot: number): void {
    const { ring, fd, logicalBlockBytes } = this.#site;
    ring.pushFallocate({
      flags: 0,
      file: fd,
      byteOffset: lba * logicalBlockBytes,
      byteCount,
      operationFlags: fallocateMode.punchHole | fallocateMode.keepSize,
      userData: slot,
    });
  }
}
