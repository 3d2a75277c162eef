import { z } from 'zod';
import { pluginApiVersion, type Workload, type WorkloadRun } from '../../harness/contract/index.ts';
import { writesWithFlushes } from '../writes-with-flushes.ts';

const options = z.strictObject({
  /** Each write has from 1 to so many blocks, all equally likely. */
  blocksPerWriteMax: z.int().min(1).max(1024).default(1),
  /** Writes only to the first so many blocks; absent: the whole volume. */
  spreadBlocks: z.int().min(1).optional(),
  /** A flush after so many writes, without waiting for them; 0: none. */
  flushEvery: z.int().min(0).default(0),
});

type Options = z.output<typeof options>;

/** Writes to places drawn evenly from the volume. */
const workload: Workload<Options> = {
  kind: 'workload',
  apiVersion: pluginApiVersion,
  name: 'random-write',
  summary: 'writes to places drawn evenly from the volume',
  requires: ['write'],
  options,
  start({ space, opsMax, random }, { blocksPerWriteMax, spreadBlocks, flushEvery }): WorkloadRun {
    const spread = Math.min(spreadBlocks ?? space.blockCount, space.blockCount);
    const places = random.fork('places');
    const lengths = random.fork('lengths');
    return writesWithFlushes({ opsMax, flushEvery }, () => {
      const blockCount = 1 + lengths.below(Math.min(blocksPerWriteMax, spread));
      return { kind: 'write', block: places.below(spread - blockCount + 1), blockCount };
    });
  },
};

export default workload;
