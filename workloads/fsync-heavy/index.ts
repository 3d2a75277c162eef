import { z } from 'zod';
import {
  pluginApiVersion,
  type Op,
  type Workload,
  type WorkloadRun,
} from '../../harness/contract/index.ts';

const options = z.strictObject({
  /** Writes between two flushes. */
  writesPerFlush: z.int().min(1).default(2),
  /** Each write has from 1 to so many blocks, all equally likely. */
  blocksPerWriteMax: z.int().min(1).max(1024).default(1),
  /** Writes only to the first so many blocks; absent: the whole volume. */
  spreadBlocks: z.int().min(1).optional(),
  /** Whether a flush waits for the writes before it, as a caller of fsync does. */
  waitBeforeFlush: z.boolean().default(true),
});

type Options = z.output<typeof options>;

/** A few writes, then a flush, over and over, as a mail server or a small database does. */
const workload: Workload<Options> = {
  kind: 'workload',
  apiVersion: pluginApiVersion,
  name: 'fsync-heavy',
  summary: 'a flush after every few writes',
  requires: ['write', 'flush'],
  options,
  start({ space, opsMax, random }, settings): WorkloadRun {
    const spread = Math.min(settings.spreadBlocks ?? space.blockCount, space.blockCount);
    const places = random.fork('places');
    const lengths = random.fork('lengths');
    let opsLeft = opsMax;
    let inFlight = 0;
    let writesSinceFlush = 0;
    return {
      next(): Op | 'wait' | undefined {
        if (opsLeft <= 0) return undefined;
        const isFlushDue = writesSinceFlush >= settings.writesPerFlush;
        if (isFlushDue && settings.waitBeforeFlush && inFlight > 0) return 'wait';
        opsLeft--;
        inFlight++;
        if (isFlushDue) {
          writesSinceFlush = 0;
          return { kind: 'flush' };
        }
        writesSinceFlush++;
        const blockCount = 1 + lengths.below(Math.min(settings.blocksPerWriteMax, spread));
        return { kind: 'write', block: places.below(spread - blockCount + 1), blockCount };
      },
      settled(): void {
        inFlight--;
      },
    };
  },
};

export default workload;
