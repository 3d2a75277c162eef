import {
  faultClasses,
  type FaultClass,
  type FaultPromise,
  type FileSystemContract,
} from '../../contract/index.ts';

export const survives: FaultPromise = { level: 'survives', citation: 'a test' };

/** A journaling file system with one ordered log, as ext4 and XFS are. */
export const orderedContract: FileSystemContract = {
  fsyncCovers: 'inode-history',
  namespaceOrder: 'prefix',
  unsyncedData: 'old-or-new',
  dataAtomicBytes: 512,
  writesAreDurable: false,
  syncsAreDurable: true,
  renameCarriesData: false,
  checkIsClean: true,
  promises: Object.fromEntries(
    faultClasses.map((faultClass) => [faultClass, survives]),
  ) as unknown as Record<FaultClass, FaultPromise>,
};
