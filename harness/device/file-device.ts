/**
 * The fall-back where koffi or io_uring is not to be had: a block device through the thread pool of
 * Node. About half as quick as io_uring, and its FUA is a write with a flush after it, so it can hide
 * a flush that an engine forgot: good for development, not for figures or for verdicts on real drives.
 */
import { fdatasync, read, write, closeSync } from 'node:fs';
import {
  DeviceError,
  HarnessError,
  type BlockDevice,
  type DeviceGeometry,
  type Lba,
  type WriteFlags,
} from '../contract/index.ts';
import { AlignedMemory } from './aligned-memory.ts';
import { rangeError } from './block-range.ts';
import { BounceBuffers } from './bounce-buffers.ts';
import { deviceErrorOf, type DeviceOperation } from './device-failure.ts';
import {
  openTarget,
  type Caching,
  type DeviceTarget,
  type TargetOptions,
} from './device-target.ts';

/** Opens with O_DIRECT where the file system has it, else through the page cache. */
export async function openFileDevice(
  path: string,
  options: TargetOptions = {},
): Promise<BlockDevice> {
  try {
    return new FileDevice(await openTarget(path, options, 'direct'), 'direct');
  } catch (error) {
    if (!isWithoutDirectIo(error)) throw error;
    return new FileDevice(await openTarget(path, options, 'buffered'), 'buffered');
  }
}

function isWithoutDirectIo(error: unknown): boolean {
  if (!(error instanceof HarnessError)) return false;
  return (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EINVAL';
}

type Done = (error: NodeJS.ErrnoException | null, byteCount?: number) => void;

class FileDevice implements BlockDevice {
  readonly name: string;
  readonly geometry: DeviceGeometry;
  readonly #fd: number;
  readonly #memory = new AlignedMemory();
  readonly #bounces = new BounceBuffers(this.#memory);
  #inFlight = 0;
  #isSilent = false;
  #onDrained: (() => void) | undefined;

  constructor(target: DeviceTarget, caching: Caching) {
    this.name = `${target.path} (thread pool, ${caching})`;
    this.geometry = target.geometry;
    this.#fd = target.fd;
  }

  allocate(byteCount: number): Uint8Array {
    return this.#memory.allocate(byteCount);
  }

  async read(lba: Lba, target: Uint8Array): Promise<number> {
    const error = rangeError(this.geometry, 'read', lba, target.byteLength);
    if (error !== undefined) throw error;
    const memory = this.#alignedFor(target);
    const byteOffset = lba * this.geometry.logicalBlockBytes;
    try {
      const byteCount = await this.#request('read', lba, (done) => {
        read(this.#fd, memory, 0, memory.byteLength, byteOffset, done);
      });
      if (memory !== target) target.set(memory.subarray(0, byteCount));
      return byteCount;
    } finally {
      this.#release(memory, target);
    }
  }

  async write(lba: Lba, source: Uint8Array, { fua }: WriteFlags): Promise<number> {
    const error = rangeError(this.geometry, 'write', lba, source.byteLength);
    if (error !== undefined) throw error;
    const memory = this.#alignedFor(source);
    if (memory !== source) memory.set(source);
    const byteOffset = lba * this.geometry.logicalBlockBytes;
    try {
      const byteCount = await this.#request('write', lba, (done) => {
        write(this.#fd, memory, 0, memory.byteLength, byteOffset, done);
      });
      if (fua) await this.#sync('write');
      return byteCount;
    } finally {
      this.#release(memory, source);
    }
  }

  flush(): Promise<void> {
    return this.#sync('flush');
  }

  /** Node cannot punch holes. A discard is advice; ignoring it keeps the blocks as they were. */
  async discard(lba: Lba, blockCount: number): Promise<void> {
    const byteCount = blockCount * this.geometry.logicalBlockBytes;
    const error = rangeError(this.geometry, 'discard', lba, byteCount);
    if (error !== undefined) throw error;
  }

  /** Abandons: nothing is answered from now on, nothing is flushed. Waits for the thread pool. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isSilent) return;
    this.#isSilent = true;
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#onDrained = resolve;
      });
    }
    closeSync(this.#fd);
  }

  #sync(operation: DeviceOperation): Promise<void> {
    return this.#request(operation, 0, (done) => {
      fdatasync(this.#fd, done);
    }).then(() => undefined);
  }

  /** A short transfer of the thread pool is passed on as it is, like that of any device. */
  #request(operation: DeviceOperation, lba: Lba, start: (done: Done) => void): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#isSilent) return;
      this.#inFlight++;
      start((error, byteCount = 0) => {
        this.#inFlight--;
        if (this.#inFlight === 0) this.#onDrained?.();
        if (this.#isSilent) return;
        if (error === null) resolve(byteCount);
        else reject(failureOf(error, operation, lba));
      });
    });
  }

  #alignedFor(memory: Uint8Array): Uint8Array {
    const isUsable = this.#memory.isAligned(memory, this.geometry.logicalBlockBytes);
    return isUsable ? memory : this.#bounces.borrow(memory.byteLength);
  }

  #release(memory: Uint8Array, callers: Uint8Array): void {
    if (memory !== callers) this.#bounces.giveBack(memory);
  }
}

function failureOf(
  error: NodeJS.ErrnoException,
  operation: DeviceOperation,
  lba: Lba,
): DeviceError {
  if (error.errno === undefined) return new DeviceError('EIO', operation, error.message);
  return deviceErrorOf(-error.errno, operation, `LBA ${lba}`);
}
