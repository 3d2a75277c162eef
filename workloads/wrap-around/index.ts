import { z } from 'zod';
import {
  pluginApiVersion,
  type Op,
  type Workload,
  type WorkloadRun,
} from '../../harness/contract/index.ts';

const options = z.strictObject({
  /** The blocks that are overwritten again and again. */
  workingSetBlocks: z.int().min(1).default(16),
  /** Each write has from 1 to so many blocks, so that laps do not fall on the same boundaries. */
  blocksPerWriteMax: z.int().min(1).max(1024).default(3),
});

type Options = z.output<typeof options>;

/**
 * Overwrites a small working set lap after lap. The data written soon exceeds any small ring, so that
 * a log wraps while what it holds of the lap before is still valid to look at: what a recovery must
 * not mistake for the present.
 */
const workload: Workload<Options> = {
  kind: 'workload',
  apiVersion: pluginApiVersion,
  name: 'wrap-around',
  summary: 'overwrites a small working set so often that a ring wraps many times',
  requires: ['write'],
  options,
  start({ space, opsMax, random }, { workingSetBlocks, blocksPerWriteMax }): WorkloadRun {
    const spread = Math.min(workingSetBlocks, space.blockCount);
    const lengths = random.fork('lengths');
    let opsLeft = opsMax;
    let nextBlock = 0;
    return {
      next(): Op | undefined {
        if (opsLeft-- <= 0) return undefined;
        const block = nextBlock;
        const blockCount = Math.min(1 + lengths.below(blocksPerWriteMax), spread - block);
        nextBlock = (block + blockCount) % spread;
        return { kind: 'write', block, blockCount };
      },
      settled: () => undefined,
    };
  },
};

export default workload;
