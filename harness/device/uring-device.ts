/**
 * A block device over io_uring: a regular file, a loop device or a raw block device, opened with
 * O_DIRECT, so that what completes has reached the device and nothing is left in the page cache.
 *
 * A write with `fua` carries RWF_DSYNC, which an asynchronous direct write turns into one FUA write
 * (a synchronous one would add a whole flush and hide a flush that an engine forgot), or does what
 * comes to the same on a disk without FUA. A flush is fdatasync. A discard punches a hole: afterwards
 * the blocks read as zeros.
 *
 * SQEs filled in one turn are submitted together at its end, or as soon as `submitMax` are waiting.
 * One promise per request, the one returned.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {
  HarnessError,
  type BlockDevice,
  type DeviceError,
  type DeviceGeometry,
  type Lba,
  type WriteFlags,
} from '../contract/index.ts';
import { CompletionBell } from '../sys/completion-bell.ts';
import { lockDevice } from '../sys/device-lock.ts';
import { IoUring } from '../sys/io-uring.ts';
import { loadSystemCalls, type SystemCalls } from '../sys/libc.ts';
import { ReadyWait } from '../sys/ready-wait.ts';
import { rangeError } from './block-range.ts';
import { CompletionPump } from './completion-pump.ts';
import { deviceErrorOf, type DeviceOperation } from './device-failure.ts';
import { openTarget, type DeviceTarget, type TargetOptions } from './device-target.ts';
import { entriesPerRequest, RequestEntries, type DeviceRequest } from './request-entries.ts';
import { TransferMemory } from './transfer-memory.ts';

export interface UringDeviceOptions extends TargetOptions {
  /** Requests in the kernel at a time, a power of two; more wait their turn. */
  readonly inFlightMax?: number;
  /** SQEs that are handed to the kernel at once, at most. */
  readonly submitMax?: number;
  /** How long the thread itself waits for completions before the event loop sleeps until woken. */
  readonly patienceMicroseconds?: number;
  /** Disposal waits that long for what is in flight, then fails and leaves the memory mapped. */
  readonly drainTimeoutMs?: number;
}

/**
 * On a file on ext4 on a virtio disk, 2 cores, side by side with fio's io_uring: a durable 8 KiB write
 * alone in flight takes 104 µs (fio 97; 183-237 by the bell alone; looking at the ring without a pause
 * 140 at best, and milliseconds where the kernel's worker shares the processor), 32 writes of 4 KiB
 * in flight reach 152,000 a second (fio 109,000). With 8 in flight, `submitMax` 1 or 2 was up to 1.4
 * times as quick as 32, with 64 it was slower by a third.
 */
const defaults = {
  inFlightMax: 256,
  submitMax: 32,
  patienceMicroseconds: 2000,
  drainTimeoutMs: 30_000,
} as const;

/** udev lets go of a device within moments. */
const lockTimeoutMs = 2000;

/**
 * Opens the device or file for this process alone (O_EXCL on a block device). Throws UNAVAILABLE
 * where koffi or io_uring is not to be had, SYSTEM_CALL_FAILED where the target cannot be opened.
 */
export async function openUringDevice(
  path: string,
  options: UringDeviceOptions = {},
): Promise<UringDevice> {
  const answer = await loadSystemCalls();
  if (!answer.available) {
    throw new HarnessError('UNAVAILABLE', `no io_uring device: ${answer.reason}`);
  }
  const target = await openTarget(path, options);
  try {
    if (target.facts.kind === 'block-device') {
      await lockDevice(answer.calls, target.fd, lockTimeoutMs);
    }
    return new UringDevice(answer.calls, target, options);
  } catch (error) {
    fs.closeSync(target.fd);
    throw error;
  }
}

export class UringDevice implements BlockDevice {
  readonly name: string;
  readonly geometry: DeviceGeometry;
  readonly #fd: number;
  readonly #memory: TransferMemory;
  readonly #ring: IoUring;
  readonly #entries: RequestEntries;
  readonly #bell: CompletionBell;
  readonly #wait: ReadyWait;
  readonly #pump: CompletionPump;
  readonly #submitMax: number;
  readonly #drainTimeoutMs: number;
  /** Requests in the kernel, by user data. */
  readonly #slots: (DeviceRequest | undefined)[];
  readonly #freeSlots: number[];
  /** Requests that found no free slot, oldest first from `#backlogStart`. */
  #backlog: DeviceRequest[] = [];
  #backlogStart = 0;
  #isSubmitScheduled = false;
  #isSilent = false;
  #disposal: Promise<void> | undefined;
  #onDrained: (() => void) | undefined;

  constructor(calls: SystemCalls, target: DeviceTarget, options: UringDeviceOptions) {
    const inFlightMax = options.inFlightMax ?? defaults.inFlightMax;
    this.name = `${target.path} (io_uring, direct)`;
    this.geometry = target.geometry;
    this.#fd = target.fd;
    this.#submitMax = options.submitMax ?? defaults.submitMax;
    this.#drainTimeoutMs = options.drainTimeoutMs ?? defaults.drainTimeoutMs;
    this.#slots = new Array<DeviceRequest | undefined>(inFlightMax).fill(undefined);
    this.#freeSlots = Array.from({ length: inFlightMax }, (_, index) => inFlightMax - 1 - index);
    this.#bell = CompletionBell.acquire(calls);
    this.#ring = this.#openRing(calls, inFlightMax);
    this.#entries = new RequestEntries({
      ring: this.#ring,
      fd: target.fd,
      facts: target.facts,
      logicalBlockBytes: target.geometry.logicalBlockBytes,
      slotCount: inFlightMax,
    });
    this.#wait = ReadyWait.acquire(calls);
    this.#wait.add(this.#ring.fd);
    this.#memory = new TransferMemory(calls, this.#ring, target.geometry.logicalBlockBytes);
    this.#pump = new CompletionPump({
      ring: this.#ring,
      bell: this.#bell,
      wait: this.#wait,
      patienceMs: (options.patienceMicroseconds ?? defaults.patienceMicroseconds) / 1000,
      visit: this.#complete,
      onTurn: this.#afterTurn,
      hasWork: () => this.inFlight > 0,
    });
  }

  /** Requests that the kernel has and has not answered. */
  get inFlight(): number {
    return this.#slots.length - this.#freeSlots.length;
  }

  allocate(byteCount: number): Uint8Array {
    return this.#memory.allocate(byteCount);
  }

  release(memory: Uint8Array): void {
    this.#memory.giveBack(memory);
  }

  read(lba: Lba, target: Uint8Array): Promise<number> {
    return this.#transfer('read', lba, target, false);
  }

  write(lba: Lba, source: Uint8Array, { fua }: WriteFlags): Promise<number> {
    return this.#transfer('write', lba, source, fua);
  }

  async flush(): Promise<void> {
    await this.#issue('flush', 0, 0, undefined, false);
  }

  async discard(lba: Lba, blockCount: number): Promise<void> {
    const byteCount = blockCount * this.geometry.logicalBlockBytes;
    const error = rangeError(this.geometry, 'discard', lba, byteCount);
    if (error !== undefined) throw error;
    await this.#issue('discard', lba, byteCount, undefined, false);
  }

  /**
   * Abandons, as the twin does: from now on no request is answered, and nothing is flushed. Memory
   * and handles go once the kernel has let go of what was in flight.
   */
  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposal ??= this.#dispose());
  }

  #openRing(calls: SystemCalls, inFlightMax: number): IoUring {
    try {
      const ring = IoUring.open(calls, {
        submissionEntries: entriesPerRequest * inFlightMax,
        completionEntries: entriesPerRequest * inFlightMax,
      });
      ring.registerEventfd(this.#bell.fd);
      return ring;
    } catch (error) {
      this.#bell[Symbol.dispose]();
      throw error;
    }
  }

  // Not async: an async function would add a second promise to every request.
  #transfer(
    operation: 'read' | 'write',
    lba: Lba,
    memory: Uint8Array,
    fua: boolean,
  ): Promise<number> {
    const error = rangeError(this.geometry, operation, lba, memory.byteLength);
    if (error !== undefined) return Promise.reject(error);
    return this.#issue(operation, lba, memory.byteLength, memory, fua);
  }

  #issue(
    operation: DeviceOperation,
    lba: Lba,
    byteCount: number,
    memory: Uint8Array | undefined,
    fua: boolean,
  ): Promise<number> {
    return new Promise<number>((resolve, reject) => {
      // Like the twin: a device that has been disposed of does not answer.
      if (this.#isSilent) return;
      const place = memory === undefined ? undefined : this.#memory.placeOf(memory);
      if (operation === 'write') place!.bounce?.set(memory!);
      const request = { operation, lba, byteCount, memory, place, fua, resolve, reject };
      if (this.#freeSlots.length > 0) this.#push(request);
      else this.#backlog.push(request);
    });
  }

  #push(request: DeviceRequest): void {
    const slot = this.#freeSlots.pop()!;
    this.#slots[slot] = request;
    this.#entries.push(request, slot, this.inFlight === 1);
    this.#scheduleSubmit();
  }

  #scheduleSubmit(): void {
    if (this.#ring.unsubmitted >= this.#submitMax) {
      this.#submit();
    } else if (!this.#isSubmitScheduled) {
      this.#isSubmitScheduled = true;
      queueMicrotask(this.#submit);
    }
  }

  readonly #submit = (): void => {
    this.#isSubmitScheduled = false;
    if (this.inFlight === 0) return;
    try {
      this.#ring.submit();
      this.#entries.assertPairsWhole();
    } catch (error) {
      for (const slot of this.#entries.withdraw()) this.#release(slot).reject(error as Error);
    }
    this.#pump.kick();
  };

  readonly #complete = (userData: number, answer: number): void => {
    const request = this.#release(this.#entries.slotOf(userData));
    if (this.#isSilent) return;
    const result = this.#entries.resultOf(request, userData, answer);
    const { operation, memory, place } = request;
    if (place?.bounce !== undefined) {
      if (operation === 'read' && result > 0) memory!.set(place.bounce.subarray(0, result));
      this.#memory.release(place);
    }
    if (result < 0) request.reject(failureOf(request, -result));
    else request.resolve(result);
  };

  #release(slot: number): DeviceRequest {
    const request = this.#slots[slot];
    assert(request !== undefined, `the kernel answered request ${slot}, which is not in flight`);
    this.#slots[slot] = undefined;
    this.#freeSlots.push(slot);
    return request;
  }

  readonly #afterTurn = (): void => {
    while (this.#backlogStart < this.#backlog.length && this.#freeSlots.length > 0) {
      this.#push(this.#backlog[this.#backlogStart++]!);
    }
    if (this.#backlogStart === this.#backlog.length && this.#backlogStart > 0) {
      this.#backlog = [];
      this.#backlogStart = 0;
    }
    // Left over where the kernel was short of something when it was last asked.
    if (!this.#isSubmitScheduled && this.#ring.unsubmitted > 0) this.#scheduleSubmit();
    if (this.inFlight === 0) this.#onDrained?.();
  };

  async #dispose(): Promise<void> {
    this.#isSilent = true;
    this.#backlog = [];
    this.#backlogStart = 0;
    await this.#drain();
    this.#wait.remove(this.#ring.fd);
    this.#wait[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
    this.#ring.close();
    this.#bell[Symbol.dispose]();
    fs.closeSync(this.#fd);
  }

  /** The kernel writes into memory of what is in flight: until it has answered, nothing is freed. */
  async #drain(): Promise<void> {
    for (const slot of this.#entries.withdraw()) this.#release(slot);
    if (this.inFlight === 0) return;
    const isDrained = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(resolve, this.#drainTimeoutMs, false);
      this.#onDrained = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
    if (isDrained) return;
    throw new HarnessError(
      'LIMIT_EXCEEDED',
      `${this.inFlight} requests on ${this.name} are unanswered after ${this.#drainTimeoutMs} ms; ` +
        'their memory stays mapped until the process ends',
    );
  }
}

function failureOf({ operation, lba, byteCount }: DeviceRequest, errno: number): DeviceError {
  const where = operation === 'flush' ? 'no range' : `${byteCount} bytes at LBA ${lba}`;
  return deviceErrorOf(errno, operation, where);
}
