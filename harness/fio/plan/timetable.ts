import { createRandom, type Random } from '../../contract/index.ts';
import { directions, type FioJob } from '../job.ts';
import type { OpChunk } from './op-chunk.ts';
import { opKind } from './op-chunk.ts';

/**
 * When each operation is due, in nanoseconds from the beginning of the job. With a rate, this is what
 * latency is counted from in an open loop; in a closed loop it is the earliest time.
 */
export interface Timetable {
  /** Whether any rate is set; otherwise every time is 0. */
  readonly isPaced: boolean;
  /** One time for each operation of the chunk. A sync is due with the operation before it. */
  fill(chunk: OpChunk, dueNs: Float64Array): void;
}

const two32 = 2 ** 32;

/** The same job and seed give the same times. */
export function createTimetable(job: FioJob, seed: number | string): Timetable {
  const random = createRandom(seed).fork('fio timetable').fork(`job:${job.threadNumber}`);
  const paces = directions.map((direction) => paceOf(job, direction, random.fork(direction)));
  const isPaced = paces.some((pace) => pace !== undefined);
  let lastNs = 0;
  return {
    isPaced,
    fill(chunk, dueNs): void {
      for (let at = 0; at < chunk.count; at++) {
        const kind = chunk.kinds[at]!;
        const pace = kind <= opKind.trim ? paces[kind] : undefined;
        if (pace !== undefined) lastNs = pace.next(chunk.byteCounts[at]!);
        else if (!isPaced) lastNs = 0;
        dueNs[at] = lastNs;
      }
    },
  };
}

/** The clock of one direction: each transfer is due when those before it have used up their time. */
interface Pace {
  next(byteCount: number): number;
}

function paceOf(
  { pace, pattern }: FioJob,
  direction: (typeof directions)[number],
  random: Random,
): Pace | undefined {
  const bytesPerSecond = pace.bytesPerSecond[direction];
  const opsPerSecond = pace.opsPerSecond[direction];
  if (bytesPerSecond === null && opsPerSecond === null) return undefined;
  const minBytes = pattern.blocks[direction].minBytes;
  if (pace.process === 'poisson') {
    // As in fio, the gaps of a rate in bytes are those of blocks of the smallest size.
    return poisson(opsPerSecond ?? bytesPerSecond! / minBytes, random);
  }
  if (bytesPerSecond !== null) return bySize(bytesPerSecond);
  // fio turns a rate of operations into one of bytes, except where sizes are drawn from a split.
  const isSplit = pattern.blocks[direction].split.length > 0;
  return isSplit ? evenly(opsPerSecond!) : bySize(opsPerSecond! * minBytes);
}

function bySize(bytesPerSecond: number): Pace {
  let bytesBefore = 0;
  return {
    next(byteCount): number {
      const dueNs = (bytesBefore / bytesPerSecond) * 1e9;
      bytesBefore += byteCount;
      return dueNs;
    },
  };
}

function evenly(opsPerSecond: number): Pace {
  let opsBefore = 0;
  return { next: () => (opsBefore++ / opsPerSecond) * 1e9 };
}

/** Gaps of an exponential distribution: arrivals that know nothing of each other. */
function poisson(opsPerSecond: number, random: Random): Pace {
  let dueNs = 0;
  return {
    next(): number {
      const nowNs = dueNs;
      dueNs += (-Math.log((random.uint32() + 1) / two32) / opsPerSecond) * 1e9;
      return nowNs;
    },
  };
}
