import { z } from 'zod';
import type {
  DeviceGeometry,
  FileSystemAdapter,
  FileSystemContract,
} from '../../harness/contract/index.ts';
import {
  probeFileSystem,
  promisesOf,
  survives,
  syncOption,
  syncPromise,
} from '../file-system-engine.ts';

const nilfs2Options = z.strictObject({
  /** nilfs2.rst, order: `strict` keeps the sequence of all operations, overwriting of data included. */
  order: z.enum(['relaxed', 'strict']).default('relaxed'),
  sync: syncOption,
});

type Nilfs2Config = z.output<typeof nilfs2Options>;

const blockBytes = 4096;

/** Source: kernel Documentation/filesystems/nilfs2.rst (order, barrier; checkpoints). */
function contractFor(config: Nilfs2Config, geometry: DeviceGeometry): FileSystemContract {
  return {
    // Names change by checkpoints of the whole file system; an fsync of what has dirty metadata makes one.
    ...syncPromise(config.sync, { sound: true, fsyncCovers: 'inode-history' }),
    namespaceOrder: 'prefix',
    // Log-structured: a block is referred to by a log whose checksum covers it.
    unsyncedData: 'old-or-new',
    dataAtomicBytes: blockBytes,
    // Only order=strict promises that nothing overtakes.
    renameCarriesData: config.order === 'strict',
    // There is no tool that checks.
    checkIsClean: false,
    promises: promisesOf(survives('nilfs2.rst: continuous checkpoints, barrier, order'), geometry),
  };
}

const nilfs2: FileSystemAdapter<Nilfs2Config> = {
  kind: 'engine',
  apiVersion: 1,
  name: 'nilfs2',
  summary: 'NILFS2 of this kernel: log-structured, every sync a checkpoint',
  medium: 'files',
  options: nilfs2Options,
  contractFor,
  recipeFor: ({ sync, order }) => ({
    type: 'nilfs2',
    // Segments of 1 MiB: the default of 8 MiB leaves a small drive with too few of them.
    make: (node) => ({ program: 'mkfs.nilfs2', args: ['-q', '-f', '-K', '-B', '256', node] }),
    mountOptions: `nodiscard,order=${order}`,
    check: undefined,
    cleanExitCodes: [0],
    minimumBytes: 64 * 2 ** 20,
    syncPolicy: sync,
  }),
  probe: (host) =>
    probeFileSystem(host, { type: 'nilfs2', tools: { 'mkfs.nilfs2': 'nilfs-tools' } }),
};

export default nilfs2;
