/**
 * What the device benchmarks write on: a new file in a directory, with every block written before, or
 * a block device that the guard admits. The same path is given to fio.
 */
import * as fs from 'node:fs';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createBackingFile } from '../device/backing-file.ts';
import { deviceFacts } from '../device/device-facts.ts';
import { createLoopDevice } from '../device/loop.ts';
import { openUringDevice, type UringDevice } from '../device/uring-device.ts';
import { openGuarded } from '../device/guard.ts';

export interface BenchTarget extends AsyncDisposable {
  readonly path: string;
  /** `ext4 file` or `block device`. */
  readonly kind: string;
  readonly byteCount: number;
  /** The block device whose counters count nothing but this target; undefined for a file. */
  readonly ownDevice: string | undefined;
  open(): Promise<UringDevice>;
}

/** Beside the sources and not under /tmp, which may be memory. */
const defaultPlace = fileURLToPath(new URL('../../.cache/bench', import.meta.url));

/** `place` is a directory or a block device; the project's cache folder unless given. */
export async function prepareTarget(
  place: string | undefined,
  byteCount: number,
): Promise<BenchTarget> {
  if (place === undefined) await mkdir(defaultPlace, { recursive: true });
  const wanted = place ?? defaultPlace;
  const found = await stat(wanted);
  if (found.isDirectory()) return newFile(wanted, byteCount);
  if (found.isBlockDevice()) return namedDevice(wanted, byteCount);
  throw new Error(`${wanted} is neither a directory nor a block device; name one of these`);
}

/** A target whose own counters can be read: a file gets a loop device of its own over it. */
export async function prepareCountedTarget(
  place: string | undefined,
  byteCount: number,
): Promise<BenchTarget> {
  const target = await prepareTarget(place, byteCount);
  if (target.ownDevice !== undefined || process.getuid?.() !== 0) return target;
  const loop = await createLoopDevice(target.path, { logicalBlockBytes: 4096 });
  return {
    path: loop.node,
    kind: `loop device over an ${target.kind}`,
    byteCount,
    ownDevice: loop.node,
    open: () => openUringDevice(loop.node),
    [Symbol.asyncDispose]: async () => {
      await loop.detach();
      await target[Symbol.asyncDispose]();
    },
  };
}

async function newFile(directory: string, byteCount: number): Promise<BenchTarget> {
  const folder = await mkdtemp(path.join(directory, 'powercut-bench-'));
  const file = path.join(folder, 'target');
  // Also when the run is interrupted: the file is large.
  const remove = (): void => {
    fs.rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', remove);
  await createBackingFile(file, byteCount);
  const facts = await deviceFacts(file);
  const fileSystem = facts.kind === 'regular-file' ? facts.fileSystem : 'unknown';
  return {
    path: file,
    kind: `${fileSystem} file`,
    byteCount,
    ownDevice: undefined,
    open: () => openUringDevice(file),
    [Symbol.asyncDispose]: async () => {
      process.off('exit', remove);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function namedDevice(node: string, byteCount: number): Promise<BenchTarget> {
  const open = (): Promise<UringDevice> =>
    openGuarded(node, {}, (target) => openUringDevice(target.path, target));
  {
    // fio asks nobody: what it may write to is settled here, by the guard.
    await using device = await open();
    const { capacityBlocks, logicalBlockBytes } = device.geometry;
    if (capacityBlocks * logicalBlockBytes < byteCount) {
      throw new Error(`${node} is too small, ${byteCount} bytes are needed`);
    }
  }
  return {
    path: node,
    kind: 'block device',
    byteCount,
    ownDevice: node,
    open,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Bytes that the block device has been told to write (Documentation/block/stat.rst, field 7). */
export function writtenBytesOf(node: string): number {
  const text = fs.readFileSync(`/sys/block/${path.basename(fs.realpathSync(node))}/stat`, 'utf8');
  return Number(text.trim().split(/\s+/)[6]) * 512;
}
