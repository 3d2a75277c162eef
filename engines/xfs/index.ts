import { z } from 'zod';
import type {
  DeviceCommand,
  DeviceGeometry,
  FaultPromise,
  FileSystemAdapter,
  FileSystemContract,
  FileSystemRecipe,
} from '../../harness/contract/index.ts';
import {
  assertBlockFits,
  atomicBytes,
  dataGrain,
  detects,
  fixedUuid,
  probeFileSystem,
  promisesOf,
  survives,
  syncOption,
  syncPromise,
} from '../file-system-engine.ts';

const xfsOptions = z.strictObject({
  /** `small`: as small as mkfs.xfs makes one without being told, which is what small drives get. */
  log: z.enum(['default', 'small']).default('default'),
  blockBytes: z.literal([1024, 2048, 4096]).default(4096),
  sync: syncOption,
});

type XfsConfig = z.output<typeof xfsOptions>;

/**
 * Sources: kernel Documentation/filesystems/xfs/xfs-delayed-logging-design.rst (delayed logging:
 * transactions are aggregated in memory and written as checkpoints, which recovery replays in order),
 * Dave Chinner on strictly ordered metadata (linux-fsdevel, February 2019), man fsync(2).
 */
function contractFor(config: XfsConfig, geometry: DeviceGeometry): FileSystemContract {
  return {
    // fsync forces the log to the checkpoint that last had the inode, and so every one before it.
    // Renames, links and creations log the inode, if only for its ctime.
    ...syncPromise(config.sync, { sound: true, fsyncCovers: 'inode-history' }),
    namespaceOrder: 'prefix',
    // Delayed allocations become unwritten extents, which are marked written, and the length moved,
    // only after the data has been written.
    unsyncedData: 'old-or-new',
    dataAtomicBytes: dataGrain(geometry, config.blockBytes),
    // XFS starts to write back when a file that was truncated is closed, and not when one is renamed.
    renameCarriesData: false,
    checkIsClean: true,
    promises: promisesOf(powerLoss(config, geometry), geometry),
  };
}

/**
 * The log holds what changed of a block, not the block, so a block that was torn in place is not made
 * whole: its checksum tells.
 */
function powerLoss({ blockBytes }: XfsConfig, geometry: DeviceGeometry): FaultPromise {
  return atomicBytes(geometry) < blockBytes
    ? detects('xfs-self-describing-metadata.rst: a torn block fails its verifier when it is read')
    : survives('xfs-delayed-logging-design.rst; man fsync(2)');
}

const mebibyte = 2 ** 20;
/** Since 5.19 mkfs.xfs makes smaller ones, and logs below 64 MiB, only for tests (`--unsupported`). */
const supportedBytes = 300 * mebibyte;
const smallLogMebibytes = 10;

function makeCommand(config: XfsConfig, geometry: DeviceGeometry, node: string): DeviceCommand {
  const byteCount = geometry.logicalBlockBytes * geometry.capacityBlocks;
  const isSupported = byteCount >= supportedBytes;
  const wantsLog = config.log === 'small' && isSupported;
  return {
    program: 'mkfs.xfs',
    args: [
      // No discard, so that free blocks keep their foreign data.
      ...['-q', '-f', '-K'],
      ...(isSupported && !wantsLog ? [] : ['--unsupported']),
      ...['-m', `uuid=${fixedUuid}`],
      // xfs_repair has nothing to compare a single group with; more groups only make mounting slower.
      ...['-b', `size=${config.blockBytes}`, '-d', 'agcount=2'],
      ...(wantsLog ? ['-l', `size=${smallLogMebibytes}m`] : []),
      node,
    ],
  };
}

function recipeFor(config: XfsConfig, geometry: DeviceGeometry): FileSystemRecipe {
  assertBlockFits(config.blockBytes, geometry);
  return {
    type: 'xfs',
    make: (node) => makeCommand(config, geometry, node),
    // Images of several crash states are mounted at once, and all have one UUID.
    mountOptions: 'nouuid',
    check: (node) => ({ program: 'xfs_repair', args: ['-n', node] }),
    cleanExitCodes: [0],
    minimumBytes: 32 * mebibyte,
    syncPolicy: config.sync,
  };
}

const xfs: FileSystemAdapter<XfsConfig> = {
  kind: 'engine',
  apiVersion: 1,
  name: 'xfs',
  summary: 'XFS of this kernel: a metadata journal with delayed logging',
  medium: 'files',
  options: xfsOptions,
  contractFor,
  recipeFor,
  probe: (host) =>
    probeFileSystem(host, {
      type: 'xfs',
      tools: { 'mkfs.xfs': 'xfsprogs', xfs_repair: 'xfsprogs' },
    }),
};

export default xfs;
