/** What the engines that are file systems of the kernel share: the family is data, and this its frame. */
import * as fs from 'node:fs';
import { z } from 'zod';
import {
  HarnessError,
  type Availability,
  type DeviceGeometry,
  type FaultClass,
  type FaultPromise,
  type FileSystemContract,
  type Host,
} from '../harness/contract/index.ts';

/** How the workload's fsyncs are carried out; see SyncPolicy of the contract. */
export const syncOption = z
  .enum(['fsync', 'fdatasync', 'dsync', 'sync-file-range', 'none'])
  .default('fsync');

type Sync = z.infer<typeof syncOption>;

/** File systems are made with these, so that the same scenario makes the same bytes. */
export const fixedUuid = '706f7765-7263-4574-8000-000000000001';
export const fixedHashSeed = '706f7765-7263-4574-8000-000000000002';

export type SyncPromise = Pick<
  FileSystemContract,
  'writesAreDurable' | 'syncsAreDurable' | 'fsyncCovers'
>;

/**
 * What the policy makes of a file system whose fsync(2) is `sound` and covers `fsyncCovers`.
 * fdatasync(2) and O_DSYNC need only keep what reading the data takes, which a new name is not (man
 * fsync(2)); sync_file_range(2) keeps nothing ("not suitable for data integrity operations").
 */
export function syncPromise(
  sync: Sync,
  { sound, fsyncCovers }: { sound: boolean; fsyncCovers: SyncPromise['fsyncCovers'] },
): SyncPromise {
  const isFsync = sync === 'fsync';
  return {
    writesAreDurable: sound && sync === 'dsync',
    syncsAreDurable: sound && (isFsync || sync === 'fdatasync'),
    fsyncCovers: sound && isFsync ? fsyncCovers : 'nothing',
  };
}

/**
 * Dirty blocks of a page are written back on their own, and a write that power cuts off is torn at the
 * drive's atomic unit: data mixes at the smaller of the two.
 */
export function dataGrain(geometry: DeviceGeometry, blockBytes: number): number {
  return Math.min(atomicBytes(geometry), blockBytes);
}

/** Throws CONFIG_INVALID: the kernel mounts no blocks that are smaller than the drive's. */
export function assertBlockFits(blockBytes: number, { logicalBlockBytes }: DeviceGeometry): void {
  if (blockBytes >= logicalBlockBytes) return;
  throw new HarnessError(
    'CONFIG_INVALID',
    `blockBytes is ${blockBytes}, and the drive has blocks of ${logicalBlockBytes}: make it at least as large`,
  );
}

/** Bytes of an aligned write that power does not tear. */
export function atomicBytes(geometry: DeviceGeometry): number {
  return geometry.logicalBlockBytes * geometry.atomicWriteBlocks;
}

export function survives(citation: string): FaultPromise {
  return { level: 'survives', citation };
}

export function detects(citation: string): FaultPromise {
  return { level: 'detects', citation };
}

export function nothing(citation: string): FaultPromise {
  return { level: 'nothing', citation };
}

const lyingDrive = 'no file system can know that a drive lies about flush';
const noChecksumOfData = 'file data has no checksum, so what the drive returns is returned';
const afterFailure =
  'man fsync(2): after an error was reported, written data may be gone and a later fsync succeed';

/**
 * Of a file system that journals metadata and trusts the drive with data; `others` says what differs.
 * Power loss is what each configuration answers for itself.
 */
export function promisesOf(
  powerLoss: FaultPromise,
  geometry: DeviceGeometry,
  others: Partial<Readonly<Record<FaultClass, FaultPromise>>> = {},
): FileSystemContract['promises'] {
  return {
    'power-loss': powerLoss,
    'process-kill': survives('written data is in the page cache, which outlives the process'),
    'flush-ignored':
      geometry.writeCache === 'volatile'
        ? nothing(lyingDrive)
        : survives('a drive without a volatile cache has nothing to flush'),
    'lost-write': nothing(noChecksumOfData),
    'torn-write': nothing(noChecksumOfData),
    'misdirected-write': nothing(noChecksumOfData),
    'bit-rot': nothing(noChecksumOfData),
    'stale-read': nothing(noChecksumOfData),
    'read-error': detects('read(2) answers EIO'),
    'write-error': nothing(afterFailure),
    'flush-error': nothing(afterFailure),
    'short-write': nothing(afterFailure),
    'no-space': nothing(afterFailure),
    'slow-device': survives('no decision of a file system depends on how long a request takes'),
    ...others,
  };
}

export interface FileSystemNeeds {
  /** As /proc/filesystems names it. */
  readonly type: string;
  /** Program → the Debian package that has it. */
  readonly tools: Readonly<Record<string, string>>;
}

/** Whether this kernel has the file system, built in or as a module, and the tools are installed. */
export async function probeFileSystem(host: Host, needs: FileSystemNeeds): Promise<Availability> {
  if (host.platform !== 'linux') return missing(`${needs.type} needs Linux`);
  if (!kernelHas(needs.type, host.kernelRelease)) {
    return missing(`kernel ${host.kernelRelease} has no ${needs.type}`);
  }
  for (const [program, itsPackage] of Object.entries(needs.tools)) {
    if (!isInstalled(program)) return missing(`${program} is not installed: install ${itsPackage}`);
  }
  if (!host.isRoot) return missing('only root may mount a file system: run with sudo');
  if (!(await host.hasLoopDevices())) return missing('there are no loop devices');
  return { available: true };
}

function missing(reason: string): Availability {
  return { available: false, reason };
}

/** mount(2) loads a module by itself, so one that could be loaded will do. */
function kernelHas(type: string, release: string): boolean {
  const registered = readText('/proc/filesystems')
    .split('\n')
    .some((line) => line.split('\t')[1] === type);
  return registered || readText(`/lib/modules/${release}/modules.dep`).includes(`/${type}.ko`);
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function isInstalled(program: string): boolean {
  const path = [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(':');
  return path.split(':').some((folder) => folder !== '' && fs.existsSync(`${folder}/${program}`));
}
