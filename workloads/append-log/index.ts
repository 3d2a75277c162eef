import { z } from 'zod';
import {
  pluginApiVersion,
  type Op,
  type Workload,
  type WorkloadRun,
} from '../../harness/contract/index.ts';

/** The shortest payload that can carry a stamp (harness/ledger/block-stamp.ts). */
const stampedBytesMin = 48;

const options = z
  .strictObject({
    payloadBytesMin: z.int().min(stampedBytesMin).default(stampedBytesMin),
    payloadBytesMax: z.int().min(stampedBytesMin).max(16_777_216).default(6000),
    /** A flush after so many appends, without waiting for them; 0: none. */
    flushEvery: z.int().min(0).default(0),
  })
  .refine((settings) => settings.payloadBytesMin <= settings.payloadBytesMax, {
    path: ['payloadBytesMax'],
    message: 'must not be less than payloadBytesMin',
  });

type Options = z.output<typeof options>;

/** Appends records of varied sizes: most are small, some fill several pages. */
const workload: Workload<Options> = {
  kind: 'workload',
  apiVersion: pluginApiVersion,
  name: 'append-log',
  summary: 'appends records of varied sizes to the log',
  requires: ['append'],
  options,
  start({ opsMax, random }, { payloadBytesMin, payloadBytesMax, flushEvery }): WorkloadRun {
    const sizes = random.fork('sizes');
    let opsLeft = opsMax;
    let appendsSinceFlush = 0;
    /** Halves the range a random number of times, so that each doubling of size is as likely. */
    const drawSize = (): number => {
      const range = payloadBytesMax - payloadBytesMin + 1;
      const halvings = sizes.below(Math.ceil(Math.log2(range)) + 1);
      return payloadBytesMin + sizes.below(Math.max(1, Math.floor(range / 2 ** halvings)));
    };
    return {
      next(): Op | undefined {
        if (opsLeft-- <= 0) return undefined;
        if (flushEvery > 0 && appendsSinceFlush >= flushEvery) {
          appendsSinceFlush = 0;
          return { kind: 'flush' };
        }
        appendsSinceFlush++;
        return { kind: 'append', byteCount: drawSize() };
      },
      settled: () => undefined,
    };
  },
};

export default workload;
