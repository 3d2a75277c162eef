/**
 * What ext4 promises. Sources: kernel Documentation/admin-guide/ext4.rst ("the guide") and
 * Documentation/filesystems/ext4/journal.rst, man fsync(2), and the design of jbd2: metadata goes
 * through one log, in order, a transaction as a whole.
 */
import type {
  DeviceGeometry,
  FaultPromise,
  FileSystemContract,
} from '../../harness/contract/index.ts';
import {
  atomicBytes,
  dataGrain,
  detects,
  nothing,
  promisesOf,
  survives,
  syncPromise,
} from '../file-system-engine.ts';
import { hasJournal, type Ext4Config } from './options.ts';

export function contractFor(config: Ext4Config, geometry: DeviceGeometry): FileSystemContract {
  const isOrderly = keepsOrder(config, geometry);
  return {
    // fsync commits the transaction that last touched the inode, and so every one before it
    // (ext4_sync_file, i_sync_tid); without a journal fsync writes the inode, and names are their
    // directory's (man fsync(2)).
    ...syncPromise(config.sync, {
      sound: hasSoundSyncs(config, geometry),
      fsyncCovers: isOrderly ? 'inode-history' : 'nothing',
    }),
    // An operation on names is one jbd2 handle, which is in one transaction; fast commits hold them "in
    // the order in which they are issued" (fs/ext4/fast_commit.c).
    namespaceOrder: isOrderly ? 'prefix' : 'none',
    unsyncedData: unsyncedData(config, isOrderly),
    dataAtomicBytes: grainOf(config, geometry),
    renameCarriesData: isOrderly && renameCarriesData(config),
    // Without a journal e2fsck -fy runs before the mount, and leaves nothing to repair.
    checkIsClean: isOrderly || !hasJournal(config),
    promises: promisesOf(powerLoss(config, geometry), geometry),
  };
}

/** The guide, barrier: "making volatile disk write caches safe to use". */
function flushesEnough({ barrier }: Ext4Config, { writeCache }: DeviceGeometry): boolean {
  return barrier || writeCache === 'none';
}

function keepsOrder(config: Ext4Config, geometry: DeviceGeometry): boolean {
  return hasJournal(config) && flushesEnough(config, geometry);
}

/**
 * Without a journal a sync may write a block of metadata that power then tears, with other files' in
 * it, and bitmaps are written whenever it suits: e2fsck makes something consistent of what is left.
 */
function hasSoundSyncs(config: Ext4Config, geometry: DeviceGeometry): boolean {
  return keepsOrder(config, geometry);
}

/**
 * The guide, data=ordered: data is on the medium before metadata that leads to it; data=journal: in
 * the log before it; data=writeback: "may be written into the main file system after its metadata",
 * which "can potentially leave stale data exposed". With unwritten extents the kernel of today exposes
 * none (an extent is marked written when its data is), but nobody promises that.
 */
function unsyncedData(
  { data }: Ext4Config,
  isOrderly: boolean,
): FileSystemContract['unsyncedData'] {
  return isOrderly && data !== 'writeback' ? 'old-or-new' : 'anything';
}

/** The log holds whole blocks and is replayed whole, so journalled data is never torn. */
function grainOf(config: Ext4Config, geometry: DeviceGeometry): number {
  const isJournalled = config.data === 'journal' && keepsOrder(config, geometry);
  return isJournalled ? config.blockBytes : dataGrain(geometry, config.blockBytes);
}

/**
 * With data=journal, and where data=ordered allocates blocks in write(2), data written before a rename
 * is in the log, or on the medium, before the rename is. With delayed allocation the guide says of
 * auto_da_alloc that data "is forced to disk before the rename() operation is committed". That held as
 * long as write-back allocated blocks as written, which puts the file on the list that a commit waits
 * for (fs/ext4/inode.c, ext4_map_blocks: only without EXT4_MAP_UNWRITTEN). With unwritten extents, the
 * default since Linux 5.6, write-back is only started, and a crash soon after the commit may find zeros.
 */
function renameCarriesData(config: Ext4Config): boolean {
  const { data, autoDaAlloc, delayedAllocation, unwrittenExtents } = config;
  if (data === 'journal') return true;
  if (data !== 'ordered') return false;
  return !delayedAllocation || (autoDaAlloc && !unwrittenExtents);
}

/** It lies at byte 1024, and is not journalled when it is written by a mount. */
const superblockBytes = 1024;

function powerLoss(config: Ext4Config, geometry: DeviceGeometry): FaultPromise {
  if (!flushesEnough(config, geometry)) {
    return nothing(
      'the guide, nobarrier: only for "disks [that] are battery-backed in one way or another"',
    );
  }
  if (!hasJournal(config)) {
    return nothing(
      'without a journal e2fsck makes the file system consistent, and no more (e2fsck(8))',
    );
  }
  if (config.metadataChecksums && atomicBytes(geometry) < superblockBytes) {
    return detects(
      'a superblock that is torn while it is written in place has a wrong checksum, and the mount is refused (fs/ext4/super.c, ext4_load_super)',
    );
  }
  if (config.journalAsyncCommit && config.metadataChecksums) {
    return detects(
      'the guide, journal_checksum: recovery can "detect corruption"; with a checksum per block it refuses a transaction that was committed before its blocks were there (fs/jbd2/recovery.c, do_one_pass)',
    );
  }
  return survives('the guide, data= and barrier; man fsync(2)');
}
