import { z } from 'zod';
import { pluginApiVersion, type Workload, type WorkloadRun } from '../../harness/contract/index.ts';
import { writesWithFlushes } from '../writes-with-flushes.ts';

const options = z.strictObject({
  /** Blocks of each write; the last before the end of the spread may be shorter. */
  blocksPerWrite: z.int().min(1).max(1024).default(1),
  /** Writes from block 0 up to here and then begins anew; absent: the whole volume. */
  spreadBlocks: z.int().min(1).optional(),
  /** A flush after so many writes, without waiting for them; 0: none. */
  flushEvery: z.int().min(0).default(0),
});

type Options = z.output<typeof options>;

/** Writes block after block from the beginning of the volume, over and over, as a backup does. */
const workload: Workload<Options> = {
  kind: 'workload',
  apiVersion: pluginApiVersion,
  name: 'sequential-write',
  summary: 'writes the volume from front to back, over and over',
  requires: ['write'],
  options,
  start({ space, opsMax }, { blocksPerWrite, spreadBlocks, flushEvery }): WorkloadRun {
    const spread = Math.min(spreadBlocks ?? space.blockCount, space.blockCount);
    let nextBlock = 0;
    return writesWithFlushes({ opsMax, flushEvery }, () => {
      const block = nextBlock;
      const blockCount = Math.min(blocksPerWrite, spread - block);
      nextBlock = (block + blockCount) % spread;
      return { kind: 'write', block, blockCount };
    });
  },
};

export default workload;
