import { z } from 'zod';
import type {
  DeviceGeometry,
  FaultPromise,
  FileSystemAdapter,
  FileSystemContract,
} from '../../harness/contract/index.ts';
import {
  atomicBytes,
  detects,
  probeFileSystem,
  promisesOf,
  survives,
  syncOption,
  syncPromise,
} from '../file-system-engine.ts';

const btrfsOptions = z.strictObject({ sync: syncOption });

type BtrfsConfig = z.output<typeof btrfsOptions>;

const sectorBytes = 4096;
const checksummed = 'Btrfs documentation, Checksumming: data and metadata are verified when read';

/**
 * Sources: Btrfs documentation (btrfs(5), Checksumming; log tree in the developer's FAQ), "File System
 * Crash-Recovery Guarantees" (linux-fsdevel, March 2019), man fsync(2).
 */
function contractFor(config: BtrfsConfig, geometry: DeviceGeometry): FileSystemContract {
  return {
    // An fsync puts the inode, and the names that it has, into the log tree of its subvolume.
    ...syncPromise(config.sync, { sound: true, fsyncCovers: 'own-name' }),
    // A transaction is committed as a whole, but what the log tree adds to the last one is only what
    // was synced and what that depends on.
    namespaceOrder: 'per-object',
    // Copy on write: an extent is referred to only after its data has been written.
    unsyncedData: 'old-or-new',
    // A torn extent is one that nothing refers to yet.
    dataAtomicBytes: sectorBytes,
    // Write-back of the new file is started, and not awaited.
    renameCarriesData: false,
    checkIsClean: true,
    promises: promisesOf(powerLoss(geometry), geometry, {
      'lost-write': detects(checksummed),
      'torn-write': detects(checksummed),
      'misdirected-write': detects(checksummed),
      'bit-rot': detects(checksummed),
      'stale-read': detects(checksummed),
    }),
  };
}

/** Of the copies of the superblock a mount looks at the first only. */
function powerLoss(geometry: DeviceGeometry): FaultPromise {
  return atomicBytes(geometry) < sectorBytes
    ? detects(
        'btrfs(5): a torn superblock fails its checksum; btrfs rescue super-recover has copies',
      )
    : survives('Btrfs documentation: copy on write, superblock written last; man fsync(2)');
}

const btrfs: FileSystemAdapter<BtrfsConfig> = {
  kind: 'engine',
  apiVersion: 1,
  name: 'btrfs',
  summary: 'Btrfs of this kernel: copy on write, checksums of data, a log tree for fsync',
  medium: 'files',
  options: btrfsOptions,
  contractFor,
  recipeFor: ({ sync }) => ({
    type: 'btrfs',
    make: (node) => ({
      program: 'mkfs.btrfs',
      // Without a fixed UUID: mkfs.btrfs refuses one that any device of the machine has already.
      args: ['-q', '-f', '-K', '-m', 'single', '-d', 'single', node],
    }),
    // Discards would take away the foreign data in freed space.
    mountOptions: 'nodiscard',
    check: (node) => ({ program: 'btrfs', args: ['check', '--readonly', node] }),
    cleanExitCodes: [0],
    minimumBytes: 128 * 2 ** 20,
    syncPolicy: sync,
  }),
  probe: (host) =>
    probeFileSystem(host, {
      type: 'btrfs',
      tools: { 'mkfs.btrfs': 'btrfs-progs', btrfs: 'btrfs-progs' },
    }),
};

export default btrfs;
