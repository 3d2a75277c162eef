import { realpath, stat, statfs } from 'node:fs/promises';
import { HarnessError, type DeviceGeometry, type HostFacts } from '../contract/index.ts';
import { mountOf, readMountTable } from './mount-table.ts';
import { readBlockDeviceFacts, type BlockDeviceFacts } from './sysfs.ts';

export interface RegularFileFacts {
  readonly kind: 'regular-file';
  readonly path: string;
  readonly byteCount: number;
  /** Block size of the file system, and how much room is left in it. */
  readonly fileSystemBlockBytes: number;
  readonly freeBytes: number;
  readonly fileSystem: string;
  readonly mountPoint: string;
  readonly mountSource: string;
  readonly mountOptions: string;
  /** Of the disk under the file system; undefined where that is not one disk. */
  readonly fua: boolean | undefined;
}

export type DeviceFacts = BlockDeviceFacts | RegularFileFacts;

/** What can be known of a block device or file without opening it. Needs neither root nor koffi. */
export async function deviceFacts(path: string): Promise<DeviceFacts> {
  const found = await stat(path);
  if (found.isBlockDevice()) return readBlockDeviceFacts(path, deviceNumberOf(found.rdev));
  if (found.isFile()) return regularFileFacts(path, found.size, deviceNumberOf(found.dev));
  throw new HarnessError(
    'CONFIG_INVALID',
    `${path} is neither a block device nor a regular file; name one of these`,
  );
}

/** `major:minor` of a device number as stat gives it (the layout of makedev(3) in glibc and musl). */
export function deviceNumberOf(rdev: number): string {
  const low = rdev >>> 0;
  const high = Math.floor(rdev / 2 ** 32);
  const major = ((low >>> 8) & 0xfff) + Math.floor(high / 2 ** 12) * 2 ** 12;
  const minor = (low & 0xff) + (high % 2 ** 12) * 2 ** 20 + ((low >>> 12) & 0xfff00);
  return `${major}:${minor}`;
}

async function regularFileFacts(
  path: string,
  byteCount: number,
  deviceNumber: string,
): Promise<RegularFileFacts> {
  const mount = mountOf(await readMountTable(), await realpath(path));
  const space = await statfs(path);
  return {
    kind: 'regular-file',
    path,
    byteCount,
    fileSystemBlockBytes: space.bsize,
    freeBytes: space.bavail * space.bsize,
    fileSystem: mount?.fileSystem ?? 'unknown',
    mountPoint: mount?.mountPoint ?? 'unknown',
    mountSource: mount?.source ?? 'unknown',
    mountOptions: mount?.options ?? 'unknown',
    fua: diskHasFua(deviceNumber),
  };
}

function diskHasFua(deviceNumber: string): boolean | undefined {
  try {
    return readBlockDeviceFacts('', deviceNumber).fua;
  } catch {
    // btrfs, overlayfs and tmpfs have a device number that is no block device's.
    return undefined;
  }
}

export interface GeometryLimits {
  /** Block size to use on a regular file; a block device has its own. */
  readonly logicalBlockBytes: number;
  /** Use only the first blocks. */
  readonly capacityBlocks?: number | undefined;
}

/**
 * The geometry as an engine sees it.
 *
 * FUA is offered everywhere: where the drive has none, the kernel flushes after the write
 * (Documentation/block/writeback_cache_control.rst). One block is the atomic unit even where the drive
 * promises more: the kernel may split a larger write unless it is sent with RWF_ATOMIC, so the larger
 * promise would not be kept. A regular file counts as a volatile cache, whatever lies under it.
 */
export function geometryOf(facts: DeviceFacts, limits: GeometryLimits): DeviceGeometry {
  const isBlockDevice = facts.kind === 'block-device';
  const logicalBlockBytes = isBlockDevice ? facts.logicalBlockBytes : limits.logicalBlockBytes;
  const blocks = Math.floor(facts.byteCount / logicalBlockBytes);
  const capacityBlocks = limits.capacityBlocks ?? blocks;
  if (capacityBlocks < 1 || capacityBlocks > blocks) {
    throw new HarnessError(
      'CONFIG_INVALID',
      `${facts.path} holds ${blocks} blocks of ${logicalBlockBytes} bytes, ${capacityBlocks} are asked for`,
    );
  }
  return {
    logicalBlockBytes,
    capacityBlocks,
    atomicWriteBlocks: 1,
    writeCache: isBlockDevice && facts.writeCache === 'write through' ? 'none' : 'volatile',
    supportsFua: true,
  };
}

/** The facts as a report shows them; what is not known is left out. */
export function reportedFacts(facts: DeviceFacts): NonNullable<HostFacts['device']> {
  const known = Object.entries(facts).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known);
}
