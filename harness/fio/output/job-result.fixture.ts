import type { DirectionResult, JobResult } from '../data-plane/job-result.ts';
import { LatencyCounter, type LatencyRecord } from '../data-plane/latency-buckets.ts';
import type { FioJob } from '../job.ts';
import { jobWith } from '../job-file/reading.fixture.ts';

export function latenciesOf(values: Iterable<number>): LatencyRecord {
  const counter = new LatencyCounter();
  for (const value of values) counter.record(value);
  return counter.snapshot();
}

/** So many operations, the n-th of which took n microseconds from submission to its end. */
export function directionOf(ops: number, blockBytes = 4096): DirectionResult {
  const each = (ns: (at: number) => number): LatencyRecord =>
    latenciesOf(Array.from({ length: ops }, (_, at) => ns(at + 1)));
  return {
    ops,
    bytes: ops * blockBytes,
    submission: each(() => 500),
    completion: each((at) => at * 1000),
    total: each((at) => at * 1000 + 500),
    intended: latenciesOf([]),
  };
}

/** A job that ran for two seconds on a disk, unless something else is said. */
export function resultWith(
  changes: Partial<Omit<JobResult, 'job' | 'directions'>> & {
    readonly job?: FioJob;
    readonly reads?: number;
    readonly writes?: number;
  } = {},
): JobResult {
  const { reads = 0, writes = 0, job = jobWith('rw=randwrite', 'bs=4k', 'size=40k') } = changes;
  const perBucket = (count: number): Float64Array => new Float64Array(20).fill(count / 20);
  const none = latenciesOf([]);
  return {
    seed: 7,
    mode: { loop: 'closed', isPaced: false, calls: 'split', registersBuffers: false },
    engine: { asked: 'psync', ran: 'system calls', note: '' },
    targets: [
      { path: 'data', kind: 'regular-file', fileBytes: 40_960, layout: 'written', note: '' },
    ],
    endedBy: 'done',
    startedAtMs: 1000,
    runtimeNs: 2e9,
    writtenSinceStart: { ops: writes, bytes: writes * 4096 },
    sync: { ops: 0, latency: none, durable: none, uncoveredWrites: 0 },
    depth: {
      levels: [reads + writes, 0, 0, 0, 0, 0, 0],
      submitted: [0, reads + writes, 0, 0, 0, 0, 0],
      completed: [0, reads + writes, 0, 0, 0, 0, 0],
    },
    cpu: {
      userNs: 2e8,
      systemNs: 4e8,
      ringWorkersNs: 1e8,
      voluntarySwitches: 5,
      involuntarySwitches: 1,
      majorFaults: 0,
      minorFaults: 3,
    },
    errors: { count: 0, first: undefined },
    log: undefined,
    verification: undefined,
    disks: [diskReading(0, writes * 8)],
    issuedDigest: '0123456789abcdef',
    issuedOps: reads + writes,
    ...changes,
    job,
    directions: {
      read: directionOf(reads),
      write: directionOf(writes),
      trim: directionOf(0),
    },
    series: {
      bucketNs: 100e6,
      ops: { read: perBucket(reads), write: perBucket(writes), trim: perBucket(0) },
      bytes: {
        read: perBucket(reads * 4096),
        write: perBucket(writes * 4096),
        trim: perBucket(0),
      },
    },
  };
}

/** A disk that has written so many sectors, from and to. */
export function diskReading(from: number, to: number): JobResult['disks'][number] {
  const fields = (sectors: number): readonly number[] => [
    ...[1, 0, 8, 2],
    ...[10 + sectors, 0, sectors, 4],
    ...[0, 1000 + sectors / 8, 9],
    ...[0, 0, 0, 0],
    ...[sectors / 16, 1],
  ];
  return { name: 'vda', before: fields(from), after: fields(to) };
}
