import { z } from 'zod';
import type {
  DeviceGeometry,
  FileSystemAdapter,
  FileSystemContract,
} from '../../harness/contract/index.ts';
import {
  dataGrain,
  probeFileSystem,
  promisesOf,
  survives,
  syncOption,
  syncPromise,
} from '../file-system-engine.ts';

const f2fsOptions = z.strictObject({
  /** f2fs.rst, fsync_mode: `posix` is the default; `strict` also keeps the order of xfs, ext4 and btrfs. */
  fsyncMode: z.enum(['posix', 'strict']).default('posix'),
  sync: syncOption,
});

type F2fsConfig = z.output<typeof f2fsOptions>;

const blockBytes = 4096;

/** Source: kernel Documentation/filesystems/f2fs.rst (fsync_mode, roll-forward recovery). */
function contractFor(config: F2fsConfig, geometry: DeviceGeometry): FileSystemContract {
  return {
    // Recovery goes back to the last checkpoint, and forward over the nodes that fsync marked, which
    // carry a name of the file.
    ...syncPromise(config.sync, { sound: true, fsyncCovers: 'own-name' }),
    namespaceOrder: 'per-object',
    unsyncedData: 'old-or-new',
    // Data that is synced may be written in place (ipu_policy, FSYNC).
    dataAtomicBytes: dataGrain(geometry, blockBytes),
    renameCarriesData: false,
    checkIsClean: true,
    promises: promisesOf(
      survives('f2fs.rst: checkpoints, roll-forward recovery, fsync_mode'),
      geometry,
    ),
  };
}

const f2fs: FileSystemAdapter<F2fsConfig> = {
  kind: 'engine',
  apiVersion: 1,
  name: 'f2fs',
  summary: 'F2FS of this kernel: log-structured, checkpoints and roll-forward recovery',
  medium: 'files',
  options: f2fsOptions,
  contractFor,
  recipeFor: ({ sync, fsyncMode }) => ({
    type: 'f2fs',
    // -t 0: no discard; -r: checkpoints begin with a fixed number.
    make: (node) => ({ program: 'mkfs.f2fs', args: ['-q', '-f', '-t', '0', '-r', node] }),
    mountOptions: `nodiscard,fsync_mode=${fsyncMode}`,
    check: (node) => ({ program: 'fsck.f2fs', args: ['--dry-run', node] }),
    cleanExitCodes: [0],
    minimumBytes: 64 * 2 ** 20,
    syncPolicy: sync,
  }),
  probe: (host) =>
    probeFileSystem(host, {
      type: 'f2fs',
      tools: { 'mkfs.f2fs': 'f2fs-tools', 'fsck.f2fs': 'f2fs-tools' },
    }),
};

export default f2fs;
