/**
 * A place where crash images become a block device that the kernel can mount: a file on a tmpfs of its
 * own, with a loop device over it. It always knows what the file must hold, finds out what a mount has
 * written, and takes exactly that back, so that a state never meets bytes of another one ("future
 * data", CRASH-MODEL §0.7).
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { HarnessError } from '../contract/index.ts';
import { createLoopDevice, type LoopDevice } from '../device/loop.ts';
import type { SparseImage } from '../drive/image.ts';
import type { FileRange } from '../sys/file-calls.ts';
import { cachedPages, dropDeviceCache } from '../sys/ioctl.ts';
import type { SystemCalls } from '../sys/libc.ts';
import { MappedFile } from '../sys/mapped-file.ts';
import { mountFileSystem, mountFlag, tryUnmount } from '../sys/mount.ts';
import { openWriteTrace, type WriteTrace } from '../sys/write-trace.ts';
import type { TargetResources } from './device.ts';

/** Told of what is about to be made, so that it can be taken away whatever happens. */
export interface MountResources extends TargetResources {
  holdMount(path: string): void;
}

/** How the writes of a mount are found. */
export type WritesFoundBy = 'trace' | 'comparison';

const pageBytes = 4096;
/** With a trace, the whole file is compared at every this many states all the same. */
const statesPerComparison = 64;
const sectorBytes = 512;

export class MountedImage implements AsyncDisposable {
  readonly node: string;
  readonly writesFoundBy: WritesFoundBy;
  /** Why comparison had to do; empty with a trace. */
  readonly reason: string;
  /** An empty directory to mount on. */
  readonly mountPoint: string;
  readonly #calls: SystemCalls;
  readonly #ram: string;
  readonly #loop: LoopDevice;
  readonly #mapped: MappedFile;
  /** What the file must hold. */
  readonly #expected: Buffer;
  readonly #trace: WriteTrace | undefined;
  #present: SparseImage;
  #countedBytes = 0;
  #states = 0;

  private constructor(
    calls: SystemCalls,
    ram: string,
    loop: LoopDevice,
    image: SparseImage,
    wanted: WritesFoundBy,
  ) {
    this.#calls = calls;
    this.#ram = ram;
    this.#loop = loop;
    this.node = loop.node;
    this.mountPoint = path.join(ram, 'tree');
    fs.mkdirSync(this.mountPoint);
    this.#expected = Buffer.alloc(byteCountOf(image));
    image.read(0, this.#expected);
    this.#mapped = mapWhole(calls, loop.backingFile, this.#expected);
    this.#present = image.fork();
    const answer = wanted === 'trace' ? openWriteTrace(calls, loop.node) : notWanted;
    this.#trace = answer.available ? answer.trace : undefined;
    this.writesFoundBy = answer.available ? 'trace' : 'comparison';
    this.reason = answer.available ? '' : answer.reason;
    this.#countedBytes = writtenBytesOf(loop.node);
  }

  /** Throws SYSTEM_CALL_FAILED or UNAVAILABLE. */
  static async create(
    calls: SystemCalls,
    image: SparseImage,
    logicalBlockBytes: number,
    resources: MountResources,
    wanted: WritesFoundBy,
  ): Promise<MountedImage> {
    const ram = await mountRam(calls, byteCountOf(image), resources);
    try {
      return await MountedImage.#createIn(ram, calls, image, logicalBlockBytes, resources, wanted);
    } catch (error) {
      await unmountWhenFree(calls, ram);
      throw error;
    }
  }

  static async #createIn(
    ram: string,
    calls: SystemCalls,
    image: SparseImage,
    logicalBlockBytes: number,
    resources: MountResources,
    wanted: WritesFoundBy,
  ): Promise<MountedImage> {
    const file = path.join(ram, 'image');
    resources.holdLoop(file);
    resources.holdMount(path.join(ram, 'tree'));
    writeWhole(file, image);
    const loop = await createLoopDevice(file, {
      logicalBlockBytes: logicalBlockBytes === 512 ? 512 : 4096,
      // The page cache of the loop device's file is the mapping: direct I/O would only copy.
      directIo: false,
    });
    try {
      return new MountedImage(calls, ram, loop, image, wanted);
    } catch (error) {
      await loop.detach();
      throw error;
    }
  }

  /** Makes the device hold the image; costs what differs from the one before. */
  async show(image: SparseImage): Promise<void> {
    for (const { index, unit } of image.unitsUnlike(this.#present)) {
      const byteOffset = index * image.unitBytes;
      this.#expected.set(unit.bytes, byteOffset);
      this.#mapped.write(byteOffset, unit.bytes);
    }
    this.#present = image.fork();
    await this.#forgetCache();
  }

  /**
   * A process that made itself a mount namespace meanwhile has a copy of our mount, and with it the file
   * system lives on after the unmount: it may still write, and the next mount would get it as it is,
   * without a look at the device. The kernel says so by refusing the device to whoever wants it alone.
   */
  async waitUntilFree(): Promise<void> {
    for (let tries = 1; !isFree(this.node); tries++) {
      if (tries >= inUseTries) {
        throw new HarnessError(
          'UNAVAILABLE',
          `${this.node} stays in use after its unmount: some process has the mount in a namespace of its own`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, busyWaitMs));
    }
  }

  /** Bytes as they are on the device now, with what a mount wrote. */
  read(byteOffset: number, target: Uint8Array): void {
    this.#mapped.read(byteOffset, target);
  }

  /** The ranges that were written since the image was shown, page by page or request by request. */
  changedRanges(): readonly FileRange[] {
    const traced = this.#trace?.take();
    const countedBytes = writtenBytesOf(this.node);
    const written = countedBytes - this.#countedBytes;
    this.#countedBytes = countedBytes;
    const isWhole = traced !== undefined && sumOf(traced) === written;
    return isWhole ? traced : this.#compare();
  }

  /** Takes the ranges back. At times, and without a trace, makes sure that nothing else differs. */
  rollBack(ranges: readonly FileRange[]): void {
    for (const { byteOffset, byteCount } of ranges) {
      this.#mapped.write(byteOffset, this.#expected.subarray(byteOffset, byteOffset + byteCount));
    }
    this.#states += 1;
    if (this.#trace !== undefined && this.#states % statesPerComparison === 0) this.verify();
  }

  /** Throws UNAVAILABLE unless the file is exactly what it must be. */
  verify(): void {
    const [page] = this.#mapped.pagesUnlike(this.#expected);
    if (page === undefined) return;
    throw new HarnessError(
      'UNAVAILABLE',
      `${this.node} holds bytes of another crash state from byte ${page} on, so that no verdict can be trusted: run with writes found by comparison`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#trace?.[Symbol.dispose]();
    this.#mapped[Symbol.dispose]();
    await this.#loop.detach();
    await unmountWhenFree(this.#calls, this.#ram);
  }

  #compare(): readonly FileRange[] {
    return this.#mapped
      .pagesUnlike(this.#expected)
      .map((byteOffset) => ({ byteOffset, byteCount: pageBytes }));
  }

  /**
   * The last close of a block device drops its cached pages. Where some program of the machine has it
   * open too (losetup, to look what it is), they stay, and the mount would read the state before.
   */
  async #forgetCache(): Promise<void> {
    const fd = fs.openSync(this.node, 'r');
    try {
      for (let tries = 1; ; tries++) {
        dropDeviceCache(this.#calls, fd);
        const left = cachedPages(this.#calls, fd) ?? 0;
        if (left === 0) return;
        if (tries >= busyTries) {
          throw new HarnessError(
            'UNAVAILABLE',
            `${left} pages of ${this.node} stay cached: some program keeps reading it`,
          );
        }
        await new Promise((resolve) => setTimeout(resolve, busyWaitMs));
      }
    } finally {
      fs.closeSync(fd);
    }
  }
}

const notWanted = { available: false, reason: 'comparison was asked for' } as const;

function isFree(node: string): boolean {
  try {
    fs.closeSync(fs.openSync(node, fs.constants.O_RDONLY | fs.constants.O_EXCL));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}

function byteCountOf({ unitBytes, unitCount }: SparseImage): number {
  return unitBytes * unitCount;
}

/**
 * A tmpfs of the run's own: /dev/shm is small in containers. It is private, so that no other mount
 * namespace keeps a file system busy that is mounted below it for a moment.
 */
async function mountRam(
  calls: SystemCalls,
  byteCount: number,
  resources: MountResources,
): Promise<string> {
  const ram = path.join(resources.makeDirectory('states'), 'ram');
  resources.holdMount(ram);
  fs.mkdirSync(ram);
  const mebibytes = Math.ceil(byteCount / 2 ** 20) + 2;
  await mountFileSystem(calls, {
    source: 'powercut',
    target: ram,
    fileSystem: 'tmpfs',
    options: `size=${mebibytes}m,mode=700`,
  });
  const flags = mountFlag.makePrivate;
  await mountFileSystem(calls, { source: 'none', target: ram, fileSystem: 'none', flags });
  return ram;
}

/** Every page is allocated here, so that neither a write nor a page fault meets a full tmpfs later. */
function writeWhole(file: string, image: SparseImage): void {
  const fd = fs.openSync(file, 'wx', 0o600);
  try {
    const piece = Buffer.alloc(Math.min(2 ** 20, byteCountOf(image)));
    for (let done = 0; done < byteCountOf(image); done += piece.length) {
      const part = piece.subarray(0, Math.min(piece.length, byteCountOf(image) - done));
      image.read(done, part);
      assert(fs.writeSync(fd, part, 0, part.length, done) === part.length);
    }
  } finally {
    fs.closeSync(fd);
  }
}

function mapWhole(calls: SystemCalls, file: string, expected: Buffer): MappedFile {
  const fd = fs.openSync(file, 'r+');
  try {
    return new MappedFile(calls, fd, expected.length);
  } finally {
    fs.closeSync(fd);
  }
}

/** Bytes written to and discarded on a device, as the kernel counts them (iostats.rst). */
function writtenBytesOf(node: string): number {
  const text = fs.readFileSync(`/sys/class/block/${path.basename(node)}/stat`, 'latin1');
  const fields = text.trim().split(/\s+/).map(Number);
  return ((fields[6] ?? 0) + (fields[13] ?? 0)) * sectorBytes;
}

function sumOf(ranges: readonly FileRange[]): number {
  return ranges.reduce((sum, { byteCount }) => sum + byteCount, 0);
}

const busyTries = 100;
const busyWaitMs = 20;
/** A namespace lasts as long as what runs in it. */
const inUseTries = 1500;

/**
 * Another program may look into a new mount for a moment. Never lazily: a file system that is still
 * mounted somewhere would write into the next state.
 */
export async function unmountWhenFree(calls: SystemCalls, target: string): Promise<number> {
  for (let tries = 1; ; tries++) {
    const errno = await tryUnmount(calls, target);
    if (errno !== ebusy || tries >= busyTries) return errno;
    await new Promise((resolve) => setTimeout(resolve, busyWaitMs));
  }
}

const ebusy = 16;
