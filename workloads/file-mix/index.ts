import { z } from 'zod';
import {
  pluginApiVersion,
  type FileOp,
  type FileWorkload,
  type FileWorkloadRun,
} from '../../harness/contract/index.ts';
import { MixTree } from './mix-tree.ts';
import { drawOp } from './draw-op.ts';

const options = z.strictObject({
  filesMax: z.int().min(1).max(1000).default(10),
  directoriesMax: z.int().min(0).max(100).default(4),
  writeBytesMax: z.int().min(1).max(1_048_576).default(12_000),
  /** No file grows beyond this, by writing, truncating or allocating. */
  fileBytesMax: z.int().min(1).max(16_777_216).default(40_000),
  /** Of a hundred operations, so many are syncs: of files, of directories, now and then of all. */
  syncPercent: z.int().min(0).max(90).default(20),
  /** The same of operations on names. */
  namePercent: z.int().min(0).max(90).default(35),
});

export type MixOptions = z.output<typeof options>;

/** Every operation there is, over a small tree; each is one that should succeed. */
const workload: FileWorkload<MixOptions> = {
  kind: 'workload',
  medium: 'files',
  apiVersion: pluginApiVersion,
  name: 'file-mix',
  summary: 'all operations on files, directories and links over a small tree, with syncs between',
  options,
  start(scope, chosen): FileWorkloadRun {
    const tree = new MixTree();
    const random = scope.random.fork('file-mix');
    let opsLeft = scope.opsMax;
    return {
      next(): FileOp | undefined {
        if (opsLeft-- <= 0) return undefined;
        return drawOp(tree, random, { ...chosen, bytesMax: scope.bytesMax });
      },
      settled(_id, op, outcome): void {
        // What the file system does not have, it has not done.
        if (outcome.status === 'acknowledged') tree.apply(op);
        else if (outcome.errno !== 'EOPNOTSUPP') tree.avoid(op);
      },
    };
  },
};

export default workload;
