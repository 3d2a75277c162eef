import { z } from 'zod';
import {
  pluginApiVersion,
  type Random,
  type Workload,
  type WorkloadRun,
} from '../../harness/contract/index.ts';
import { writesWithFlushes } from '../writes-with-flushes.ts';
import { createZipf } from './zipf.ts';

/** The cumulative table takes 8 bytes a block. */
const spreadBlocksDefaultMax = 65_536;

const options = z.strictObject({
  /** Zipf's exponent: 0 is even, 0.99 is what YCSB takes for skewed. */
  exponent: z.number().min(0).max(4).default(0.99),
  /** How many blocks are written to at all; absent: the volume, at most 65,536 blocks of it. */
  spreadBlocks: z.int().min(1).max(16_777_216).optional(),
  /** A flush after so many writes, without waiting for them; 0: none. */
  flushEvery: z.int().min(0).default(0),
});

type Options = z.output<typeof options>;

/** Writes to few blocks very often and to most seldom: versions of a block pile up in flight. */
const workload: Workload<Options> = {
  kind: 'workload',
  apiVersion: pluginApiVersion,
  name: 'hot-spot',
  summary: 'overwrites few blocks very often (Zipf)',
  requires: ['write'],
  options,
  start({ space, opsMax, random }, { exponent, spreadBlocks, flushEvery }): WorkloadRun {
    const spread = Math.min(spreadBlocks ?? spreadBlocksDefaultMax, space.blockCount);
    const draw = createZipf(spread, exponent);
    const blockOfRank = shuffled(spread, random.fork('ranks'));
    const draws = random.fork('draws');
    return writesWithFlushes({ opsMax, flushEvery }, () => ({
      kind: 'write',
      block: blockOfRank[draw(draws)]!,
      blockCount: 1,
    }));
  },
};

/** The hot blocks lie anywhere, not side by side (Fisher and Yates). */
function shuffled(count: number, random: Random): Uint32Array {
  const blocks = Uint32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = random.below(last + 1);
    const moved = blocks[last]!;
    blocks[last] = blocks[other]!;
    blocks[other] = moved;
  }
  return blocks;
}

export default workload;
