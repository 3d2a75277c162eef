/**
 * An io_uring for a measured loop: a fixed number of slots, each with a buffer of its own, in one
 * piece of arena memory. SQE `n` belongs to slot `n` for good, and so do the user data that come back;
 * what goes through the submission queue is the order of the slots. Nothing is allocated per request,
 * and the kernel is entered only where a method says so.
 *
 * Addresses: every one that gets into an SQE is computed in `#setMemory`, from the slot's number, and
 * lies within its buffer.
 *
 * A ring belongs to the thread that opened it. `close` refuses while requests are in flight, as the
 * kernel would write into memory that is no longer theirs.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { mapRing, setUp, type Mapping, type OpenedRing } from './io-uring.ts';
import {
  cqeBytes,
  cqeWords,
  enterFlag,
  fallocateMode,
  fsyncFlag,
  mapOffset,
  operationCode,
  parameterOffset,
  registerCode,
  ringDescriptor,
  sqeBytes,
  sqeFlag,
  sqeWords,
} from './io-uring-layout.ts';
import type { SystemCalls } from './libc.ts';
import { Arena, type ArenaAddress } from './memory.ts';
import { errnoName, systemCallError } from './system-call-error.ts';
import type { TransferCalls } from './transfer-calls.ts';

export interface TransferRingOptions {
  readonly slotCount: number;
  /** Bytes of each slot's buffer; they are rounded up to whole pages. */
  readonly slotBytes: number;
  /** Open files; requests name them by their place in here. */
  readonly fds: readonly number[];
  /** The buffers are pinned once and not for every request, where the memlock limit allows it. */
  readonly pinsBuffers?: boolean;
  /** Completions show only after an `enter` that waits or looks. */
  readonly defersCompletions?: boolean;
  /** Every request is done by a worker of the ring, even where it could be done within the call. */
  readonly usesWorkers?: boolean;
  /** Most workers of each kind while the ring is open; they are the thread's and outlive it. */
  readonly workersMax?: number | undefined;
}

const two32 = 2 ** 32;
const pageBytes = 4096;
/** Largest registered buffer (io_uring_register(2)). */
const pinnedBytesMax = 2 ** 30;
const registerBuffers = 0;
const extendedArgument = 1 << 3;
/** struct io_uring_getevents_arg: signal mask, its size, padding, address of a timespec. */
const waitArgumentBytes = 24;
const timespecAt = 32;

export class TransferRing implements Disposable {
  readonly slotCount: number;
  readonly slotBytes: number;
  /** Slots that completed in the last `reap`, with what the system call would return. */
  readonly completedSlots: Uint32Array;
  readonly results: Int32Array;
  readonly isPinned: boolean;

  readonly #calls: SystemCalls;
  readonly #transfers: TransferCalls;
  readonly #fd: number;
  readonly #arena: Arena;
  readonly #flags: number;
  readonly #memory: Uint8Array;
  readonly #memoryAddress: ArenaAddress;
  readonly #waitWords: Uint32Array;
  readonly #waitAddress: ArenaAddress;
  readonly #mappings: readonly Mapping[];
  readonly #rings: Uint32Array;
  readonly #answers: Int32Array;
  readonly #sqes: Uint32Array;
  readonly #sqTail: number;
  readonly #sqMask: number;
  readonly #arrayStart: number;
  readonly #cqHead: number;
  readonly #cqTail: number;
  readonly #cqMask: number;
  readonly #cqesStart: number;
  #queuedTail: number;
  #takenTail: number;
  #head: number;
  /** As they were for the thread. */
  readonly #workersMaxBefore: Uint32Array | undefined;
  /** What `enter` names the ring by, and the flags that go with it. */
  #enterFd: number;
  #enterFlags = 0;
  #inFlight = 0;
  #isClosed = false;

  /** Throws SYSTEM_CALL_FAILED with the cause and what to do about it. */
  static open(
    calls: SystemCalls,
    transfers: TransferCalls,
    options: TransferRingOptions,
  ): TransferRing {
    const arena = new Arena(calls);
    const { slotCount } = options;
    let fd = -1;
    try {
      const opened = setUp(calls, {
        submissionEntries: slotCount,
        completionEntries: slotCount,
        defersCompletions: options.defersCompletions ?? false,
      });
      fd = opened.fd;
      return new TransferRing(calls, transfers, options, arena, opened);
    } catch (error) {
      if (fd >= 0) fs.closeSync(fd);
      arena[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(
    calls: SystemCalls,
    transfers: TransferCalls,
    options: TransferRingOptions,
    arena: Arena,
    { fd, parameters }: OpenedRing,
  ) {
    this.#calls = calls;
    this.#transfers = transfers;
    this.#fd = fd;
    this.#arena = arena;
    this.#flags = sqeFlag.fixedFile | (options.usesWorkers === true ? sqeFlag.async : 0);
    this.slotCount = options.slotCount;
    this.slotBytes = Math.ceil(options.slotBytes / pageBytes) * pageBytes;
    this.completedSlots = new Uint32Array(options.slotCount);
    this.results = new Int32Array(options.slotCount);
    this.#memory = arena.allocate(this.slotCount * this.slotBytes);
    this.#memoryAddress = arena.addressOf(this.#memory)!;
    const wait = arena.allocate(pageBytes);
    this.#waitWords = new Uint32Array(wait.buffer, wait.byteOffset, pageBytes / 4);
    this.#waitAddress = arena.addressOf(wait)!;
    const word = (offset: number): number => parameters.getUint32(offset, true);
    const entries = word(parameterOffset.sqEntries);
    assert(entries >= options.slotCount, 'a place in the queue for every slot');
    const ringBytes = Math.max(
      word(parameterOffset.sqArray) + entries * 4,
      word(parameterOffset.cqEntriesStart) + word(parameterOffset.cqEntries) * cqeBytes,
    );
    const rings = mapRing(calls, fd, ringBytes, mapOffset.rings);
    const sqes = mapRing(calls, fd, entries * sqeBytes, mapOffset.sqes);
    this.#mappings = [rings.mapping, sqes.mapping];
    this.#rings = new Uint32Array(rings.buffer);
    this.#answers = new Int32Array(rings.buffer);
    this.#sqes = new Uint32Array(sqes.buffer);
    this.#sqTail = word(parameterOffset.sqTail) / 4;
    this.#sqMask = this.#rings[word(parameterOffset.sqMask) / 4]!;
    this.#arrayStart = word(parameterOffset.sqArray) / 4;
    this.#cqHead = word(parameterOffset.cqHead) / 4;
    this.#cqTail = word(parameterOffset.cqTail) / 4;
    this.#cqMask = this.#rings[word(parameterOffset.cqMask) / 4]!;
    this.#cqesStart = word(parameterOffset.cqEntriesStart) / 4;
    this.#queuedTail = Atomics.load(this.#rings, this.#sqTail);
    this.#takenTail = this.#queuedTail;
    this.#head = Atomics.load(this.#rings, this.#cqHead);
    this.#enterFd = fd;
    this.#register('files', registerCode.files, Int32Array.from(options.fds), options.fds.length);
    this.isPinned = options.pinsBuffers === true && this.#pin();
    const { workersMax } = options;
    if (workersMax !== undefined) this.#workersMaxBefore = this.#limitWorkers(workersMax);
    // The last of all: a failure before it closes the descriptor and needs to know of nothing else.
    this.#registerDescriptor();
  }

  /** Requests handed to the kernel and not reaped. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Requests prepared and not handed over. */
  get queued(): number {
    return (this.#queuedTail - this.#takenTail) >>> 0;
  }

  /** The buffer of a slot. Between `submit` and its completion it is the kernel's. */
  bufferOf(slot: number): Uint8Array {
    assert(slot >= 0 && slot < this.slotCount, `no slot ${slot}`);
    return this.#memory.subarray(slot * this.slotBytes, (slot + 1) * this.slotBytes);
  }

  /**
   * Prepares the transfer of a slot; `queue` puts it in. A remainder after a short one leaves out the first `doneBytes` of the buffer;
   * `byteOffset` and `byteCount` are those of the remainder.
   */
  transfer(
    slot: number,
    isWrite: boolean,
    file: number,
    byteOffset: number,
    byteCount: number,
    doneBytes = 0,
  ): void {
    const operation = this.isPinned
      ? isWrite
        ? operationCode.writeFixed
        : operationCode.readFixed
      : isWrite
        ? operationCode.write
        : operationCode.read;
    const start = this.#begin(slot, operation, file, byteOffset);
    this.#setMemory(start, slot, byteCount, doneBytes);
  }

  sync(slot: number, file: number, isDataOnly: boolean): void {
    const start = this.#begin(slot, operationCode.fsync, file, 0);
    this.#sqes.fill(0, start + 4, start + 8);
    if (isDataOnly) this.#sqes[start + 7] = fsyncFlag.dataSync;
  }

  /** The range reads as zeros afterwards; on a block device it is discarded or zeroed. */
  punch(slot: number, file: number, byteOffset: number, byteCount: number): void {
    const start = this.#begin(slot, operationCode.fallocate, file, byteOffset);
    const sqes = this.#sqes;
    // Of this operation, the address field holds the length and the length field the mode.
    sqes[start + 4] = byteCount;
    sqes[start + 5] = byteCount / two32;
    sqes[start + 6] = fallocateMode.punchHole | fallocateMode.keepSize;
    sqes[start + 7] = 0;
  }

  /** What has been prepared for the slot is handed over with the next `enter`. */
  queue(slot: number): void {
    this.#rings[this.#arrayStart + (this.#queuedTail & this.#sqMask)] = slot;
    this.#queuedTail = (this.#queuedTail + 1) >>> 0;
  }

  /**
   * Enters the kernel once: hands over what is prepared and, with `completeMin`, waits for so many
   * completions. Answers how many requests it took; 0 also where it is short of something for the
   * moment, or a signal came: reap, and try again.
   */
  enter(completeMin: number): number {
    return this.#enter(completeMin, completeMin > 0 ? enterFlag.getEvents : 0);
  }

  /** As `enter(0)`, and lets the kernel post what has completed; does not wait. */
  look(): number {
    return this.#enter(0, enterFlag.getEvents);
  }

  /** Takes back what was prepared and not handed over. */
  withdraw(): void {
    this.#queuedTail = this.#takenTail;
    this.#publish();
  }

  /** As `enter(1)`, for so long at most. Needs Linux 5.11. */
  enterFor(timeoutNs: number): number {
    const words = this.#waitWords;
    const timespec = this.#waitAddress + timespecAt;
    words[4] = timespec;
    words[5] = timespec / two32;
    const seconds = Math.floor(timeoutNs / 1e9);
    words[timespecAt / 4] = seconds;
    words[timespecAt / 4 + 1] = 0;
    words[timespecAt / 4 + 2] = timeoutNs - seconds * 1e9;
    words[timespecAt / 4 + 3] = 0;
    this.#publish();
    const result = this.#transfers.enterWith(
      this.#enterFd,
      this.queued,
      1,
      this.#enterFlags | enterFlag.getEvents | extendedArgument,
      this.#waitAddress,
      waitArgumentBytes,
    );
    return this.#entered(result);
  }

  /** Completions that are there and not reaped. */
  get completions(): number {
    return (Atomics.load(this.#rings, this.#cqTail) - this.#head) >>> 0;
  }

  /** Takes up to `countMax` completions that are there, into `completedSlots` and `results`. */
  reap(countMax: number): number {
    const rings = this.#rings;
    const tail = Atomics.load(rings, this.#cqTail);
    const count = Math.min((tail - this.#head) >>> 0, countMax);
    for (let index = 0; index < count; index++) {
      const start = this.#cqesStart + ((this.#head + index) & this.#cqMask) * cqeWords;
      this.completedSlots[index] = rings[start]!;
      this.results[index] = this.#answers[start + 2]!;
    }
    if (count === 0) return 0;
    this.#head = (this.#head + count) >>> 0;
    Atomics.store(rings, this.#cqHead, this.#head);
    this.#inFlight -= count;
    return count;
  }

  close(): void {
    if (this.#isClosed) return;
    assert(this.#inFlight === 0, 'requests are in flight: their memory must stay');
    this.#isClosed = true;
    if (this.#workersMaxBefore !== undefined) this.#setWorkersMax(this.#workersMaxBefore);
    this.#unregisterDescriptor();
    for (const { pointer, byteCount } of this.#mappings) this.#calls.munmap(pointer, byteCount);
    fs.closeSync(this.#fd);
    this.#arena[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #begin(slot: number, operation: number, file: number, byteOffset: number): number {
    if (!(slot >= 0 && slot < this.slotCount)) throw new RangeError(`no slot ${slot}`);
    const sqes = this.#sqes;
    const start = slot * sqeWords;
    sqes[start] = operation | (this.#flags << 8);
    sqes[start + 1] = file;
    sqes[start + 2] = byteOffset;
    sqes[start + 3] = byteOffset / two32;
    sqes[start + 8] = slot;
    return start;
  }

  /** The one place where an address gets into an SQE. */
  #setMemory(start: number, slot: number, byteCount: number, doneBytes: number): void {
    if (!(byteCount > 0 && doneBytes >= 0 && doneBytes + byteCount <= this.slotBytes)) {
      throw new RangeError(
        `${byteCount} bytes behind ${doneBytes} are not within a slot of ${this.slotBytes}`,
      );
    }
    const sqes = this.#sqes;
    const address = this.#memoryAddress + slot * this.slotBytes + doneBytes;
    sqes[start + 4] = address;
    sqes[start + 5] = address / two32;
    sqes[start + 6] = byteCount;
    sqes[start + 7] = 0;
  }

  #enter(completeMin: number, flags: number): number {
    this.#publish();
    const allFlags = this.#enterFlags | flags;
    return this.#entered(this.#transfers.enter(this.#enterFd, this.queued, completeMin, allFlags));
  }

  /** Lets the kernel see what is prepared. */
  #publish(): void {
    Atomics.store(this.#rings, this.#sqTail, this.#queuedTail);
  }

  #entered(result: number): number {
    if (result >= 0) {
      this.#takenTail = (this.#takenTail + result) >>> 0;
      this.#inFlight += result;
      return result;
    }
    const errno = this.#transfers.errno();
    if (mayTryAgain.has(errnoName(errno))) return 0;
    throw systemCallError('io_uring_enter', errno);
  }

  #pin(): boolean {
    const byteCount = this.#memory.byteLength;
    if (byteCount > pinnedBytesMax) return false;
    const address = this.#memoryAddress;
    const vector = Uint32Array.of(address, address / two32, byteCount, 0);
    return this.#calls.ioUringRegister(this.#fd, registerBuffers, vector, 1) === 0;
  }

  /** Otherwise each `enter` counts a user of the open file, and the other threads of the process see it. */
  #registerDescriptor(): void {
    const words = new Uint32Array(ringDescriptor.words);
    words[ringDescriptor.indexWord] = ringDescriptor.anyIndex;
    words[ringDescriptor.fdWord] = this.#fd;
    const { ringDescriptor: operation } = registerCode;
    if (this.#calls.ioUringRegister(this.#fd, operation, words, 1) !== 1) return;
    this.#enterFd = words[ringDescriptor.indexWord]!;
    this.#enterFlags = enterFlag.registeredRing;
  }

  /** The thread would hold the ring open. */
  #unregisterDescriptor(): void {
    if ((this.#enterFlags & enterFlag.registeredRing) === 0) return;
    const words = new Uint32Array(ringDescriptor.words);
    words[ringDescriptor.indexWord] = this.#enterFd;
    const { unregisterRingDescriptor: operation } = registerCode;
    const result = this.#calls.ioUringRegister(this.#fd, operation, words, 1);
    assert(result === 1, 'a registered ring is let go of');
  }

  /** Answers what to go back to; undefined where the kernel does not say, and then nothing is changed. */
  #limitWorkers(count: number): Uint32Array | undefined {
    const before = Uint32Array.of(0, 0);
    if (!this.#setWorkersMax(before) || before.includes(0)) return undefined;
    return this.#setWorkersMax(Uint32Array.of(count, count)) ? before : undefined;
  }

  #setWorkersMax(counts: Uint32Array): boolean {
    return this.#calls.ioUringRegister(this.#fd, registerCode.workersMax, counts, 2) === 0;
  }

  #register(what: string, operation: number, argument: ArrayBufferView, count: number): void {
    if (this.#calls.ioUringRegister(this.#fd, operation, argument, count) >= 0) return;
    throw systemCallError(`io_uring_register (${what})`, this.#calls.errno());
  }
}

/** ETIME: nothing completed within the time of `enterFor`. */
const mayTryAgain = new Set(['EAGAIN', 'EBUSY', 'EINTR', 'ETIME']);
