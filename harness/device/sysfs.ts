import { readFileSync, readdirSync, realpathSync, existsSync } from 'node:fs';
import path from 'node:path';

/** What the kernel says of a block device (Documentation/ABI/stable/sysfs-block). */
export interface BlockDeviceFacts {
  readonly kind: 'block-device';
  readonly path: string;
  /** Kernel name: `nvme0n1`, `loop3`, `dm-0`. */
  readonly kernelName: string;
  readonly deviceNumber: string;
  readonly byteCount: number;
  readonly logicalBlockBytes: number;
  readonly physicalBlockBytes: number;
  /** `write back` means a volatile cache: only then does a flush or FUA reach the drive. */
  readonly writeCache: string;
  /** The drive takes FUA writes itself; otherwise the kernel adds a flush after the write. */
  readonly fua: boolean;
  /** Largest write that RWF_ATOMIC would take; 0 where the kernel knows of none. */
  readonly atomicWriteBytesMax: number;
  readonly isRotational: boolean;
  readonly isPartition: boolean;
  readonly isReadOnly: boolean;
  readonly scheduler: string | undefined;
  readonly transferKibMax: number | undefined;
  readonly discardBytesMax: number | undefined;
  readonly model: string | undefined;
  readonly serial: string | undefined;
  readonly firmware: string | undefined;
  readonly wwid: string | undefined;
  readonly deviceMapperName: string | undefined;
  readonly backingFile: string | undefined;
}

/** Sizes in sysfs are in units of 512 bytes, whatever the device's blocks are. */
const sysfsSectorBytes = 512;

/** @param deviceNumber `major:minor`; throws ENOENT where the kernel has no such device */
export function readBlockDeviceFacts(devicePath: string, deviceNumber: string): BlockDeviceFacts {
  const folder = sysfsFolder(deviceNumber);
  const isPartition = existsSync(path.join(folder, 'partition'));
  // A partition has no queue of its own.
  const disk = isPartition ? path.dirname(folder) : folder;
  const queue = (name: string): string | undefined => readAttribute(disk, 'queue', name);
  return {
    kind: 'block-device',
    path: devicePath,
    kernelName: path.basename(folder),
    deviceNumber,
    byteCount: numberOf(readAttribute(folder, 'size')) * sysfsSectorBytes,
    logicalBlockBytes: numberOf(queue('logical_block_size')) || sysfsSectorBytes,
    physicalBlockBytes: numberOf(queue('physical_block_size')) || sysfsSectorBytes,
    writeCache: queue('write_cache') ?? 'unknown',
    fua: queue('fua') === '1',
    atomicWriteBytesMax: numberOf(queue('atomic_write_unit_max_bytes')),
    isRotational: queue('rotational') === '1',
    isPartition,
    isReadOnly: readAttribute(folder, 'ro') === '1',
    scheduler: chosenScheduler(queue('scheduler')),
    transferKibMax: optionalNumber(queue('max_hw_sectors_kb')),
    discardBytesMax: optionalNumber(queue('discard_max_bytes')),
    model: readAttribute(disk, 'device', 'model'),
    serial: readAttribute(disk, 'device', 'serial') ?? readAttribute(disk, 'serial'),
    firmware: readAttribute(disk, 'device', 'firmware_rev') ?? readAttribute(disk, 'device', 'rev'),
    wwid: readAttribute(disk, 'wwid') ?? readAttribute(disk, 'device', 'wwid'),
    deviceMapperName: readAttribute(folder, 'dm', 'name'),
    backingFile: readAttribute(folder, 'loop', 'backing_file'),
  };
}

export function sysfsFolder(deviceNumber: string): string {
  return realpathSync(`/sys/dev/block/${deviceNumber}`);
}

/** Devices stacked on this one or on a partition of it (device-mapper, md, bcache). */
export function holdersOf(deviceNumber: string): readonly string[] {
  const folder = sysfsFolder(deviceNumber);
  return [folder, ...partitionFolders(folder)].flatMap((place) => {
    const holders = path.join(place, 'holders');
    return existsSync(holders) ? readdirSync(holders) : [];
  });
}

export interface PartitionFact {
  readonly kernelName: string;
  readonly deviceNumber: string;
}

/** Partitions of the disk that the kernel knows. */
export function partitionsOf(deviceNumber: string): readonly PartitionFact[] {
  return partitionFolders(sysfsFolder(deviceNumber)).map((folder) => ({
    kernelName: path.basename(folder),
    deviceNumber: readAttribute(folder, 'dev') ?? '',
  }));
}

function partitionFolders(folder: string): string[] {
  return readdirSync(folder)
    .map((name) => path.join(folder, name))
    .filter((place) => existsSync(path.join(place, 'partition')));
}

/** Undefined where the attribute is missing, unreadable or empty. */
function readAttribute(folder: string, ...names: string[]): string | undefined {
  try {
    const text = readFileSync(path.join(folder, ...names), 'utf8').trim();
    return text === '' ? undefined : text;
  } catch {
    // Which attributes there are depends on the driver and the kernel.
    return undefined;
  }
}

function numberOf(text: string | undefined): number {
  return text === undefined ? 0 : Number(text);
}

function optionalNumber(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

/** The kernel marks the one in use: `none [mq-deadline] bfq`. */
function chosenScheduler(text: string | undefined): string | undefined {
  return text === undefined ? undefined : (/\[([^\]]+)\]/.exec(text)?.[1] ?? text);
}
