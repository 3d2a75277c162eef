import { directions, type FioJob, type PerDirection } from '../job.ts';
import { opKind, opKindNames, transferNumber } from '../plan/op-chunk.ts';
import { errnoName } from '../../sys/system-call-error.ts';
import type {
  DepthResult,
  DirectionResult,
  ErrorResult,
  JobError,
  RateSeries,
  SyncResult,
  WrittenAmount,
} from './job-result.ts';
import { LatencyCounter } from './latency-buckets.ts';
import { createOpLog, type OpLog, type OpLogRecord } from './op-log.ts';
import { RateCounter } from './rate-counter.ts';
import { createSteadyWatch, type SteadyWatch } from './steady-watch.ts';
import { SyncCoverage } from './sync-coverage.ts';

/** Width of the buckets of the series; fio's own samples are of 500 ms. */
const seriesBucketMs = 100;

/** Figures that another thread reads while the job runs: operations, bytes, errors. */
export const progressWords = { ops: 0, bytes: 1, errors: 2 } as const;

/**
 * Everything that is counted while a job runs. Nothing is allocated per operation; what is not asked
 * for is not recorded.
 */
export class JobMeter {
  readonly #job: FioJob;
  readonly #progress: Float64Array;
  readonly #submission = countersPerDirection();
  readonly #completion = countersPerDirection();
  readonly #total = countersPerDirection();
  readonly #intended = countersPerDirection();
  readonly #bytes = new Float64Array(3);
  /** Writes before the last restart, which devices have counted all the same. */
  readonly #earlier = { ops: 0, bytes: 0 };
  readonly #sync = new LatencyCounter();
  readonly #durable = new LatencyCounter();
  readonly #coverage: readonly SyncCoverage[];
  readonly #isDurableAtOnce: boolean;
  readonly #tracksCoverage: boolean;
  readonly #limitsMs: Float64Array;
  readonly #rates = new RateCounter(seriesBucketMs);
  readonly #log: OpLog | undefined;
  readonly #steady: SteadyWatch | undefined;
  #isSteady = false;
  readonly #levels = new Float64Array(7);
  readonly #submitted = new Float64Array(7);
  readonly #completed = new Float64Array(7);
  #isSplit = true;
  #errorCount = 0;
  #firstError: JobError | undefined;
  #exceedsLimit = false;
  #reportedBucket = -1;

  constructor(job: FioJob, progress: Float64Array) {
    this.#job = job;
    this.#progress = progress;
    this.#coverage = job.extent.files.map(() => new SyncCoverage());
    this.#log = createOpLog(job);
    this.#steady = createSteadyWatch(job);
    const { openSync, fsyncEvery, fdatasyncEvery, isSyncedAtEnd } = job.durability;
    this.#isDurableAtOnce = openSync !== 'none';
    this.#tracksCoverage =
      !this.#isDurableAtOnce && (fsyncEvery > 0 || fdatasyncEvery > 0 || isSyncedAtEnd);
    this.#limitsMs = Float64Array.from(directions, (direction) => {
      const limitNs = job.pace.latencyMaxNs[direction];
      return limitNs === null ? Infinity : limitNs / 1e6;
    });
  }

  /** Whether submission has times of its own. */
  set isSplit(isSplit: boolean) {
    this.#isSplit = isSplit;
  }

  get errorCount(): number {
    return this.#errorCount;
  }

  /** Whether `steadystate` has been reached. */
  get isSteady(): boolean {
    return this.#isSteady;
  }

  get exceedsLimit(): boolean {
    return this.#exceedsLimit;
  }

  /** Begins to count, at the start and again when the ramp is over. */
  restart(nowMs: number): void {
    const { ops, bytes } = this.writtenSinceStart();
    Object.assign(this.#earlier, { ops, bytes });
    for (const counters of [this.#submission, this.#completion, this.#total, this.#intended]) {
      for (const counter of counters) counter.reset();
    }
    this.#sync.reset();
    this.#durable.reset();
    for (const table of [this.#bytes, this.#levels, this.#submitted, this.#completed]) {
      table.fill(0);
    }
    for (const coverage of this.#coverage) coverage.forget();
    this.#rates.restart(nowMs);
    this.#log?.restart(nowMs);
    this.#steady?.restart(nowMs);
    this.#isSteady = false;
  }

  skipPause(sinceMs: number, nowMs: number): void {
    this.#rates.skip(sinceMs, nowMs);
    this.#log?.skip(sinceMs, nowMs);
    this.#steady?.skip(sinceMs, nowMs);
  }

  transferred(
    kind: number,
    fileIndex: number,
    byteCount: number,
    startMs: number,
    issuedMs: number,
    doneMs: number,
    dueMs: number,
  ): void {
    this.#bytes[kind]! += byteCount;
    const totalMs = doneMs - startMs;
    if (this.#isSplit) this.#submission[kind]!.record((issuedMs - startMs) * 1e6);
    this.#completion[kind]!.record((this.#isSplit ? doneMs - issuedMs : totalMs) * 1e6);
    this.#total[kind]!.record(totalMs * 1e6);
    // Without an open loop there is no due time, and NaN is equal to nothing.
    const isOpen = dueMs === dueMs;
    if (isOpen) this.#intended[kind]!.record((doneMs - dueMs) * 1e6);
    if (kind === opKind.write) this.#written(fileIndex, isOpen ? dueMs : startMs, doneMs);
    if (totalMs > this.#limitsMs[kind]!) this.#exceedsLimit = true;
    this.#rates.count(kind, byteCount, doneMs);
    this.#log?.record(kind, byteCount, startMs, this.#isSplit ? issuedMs : startMs, doneMs);
    if (this.#rates.bucket !== this.#reportedBucket) this.#report(byteCount, doneMs);
  }

  #written(fileIndex: number, beginMs: number, doneMs: number): void {
    if (this.#isDurableAtOnce) this.#durable.record((doneMs - beginMs) * 1e6);
    else if (this.#tracksCoverage) this.#coverage[fileIndex]!.completed(beginMs);
  }

  /** Before a sync is issued; what it answers goes into `synced`. */
  markSync(fileIndex: number): number {
    return this.#coverage[fileIndex]!.mark();
  }

  synced(fileIndex: number, mark: number, startMs: number, doneMs: number): void {
    this.#sync.record((doneMs - startMs) * 1e6);
    this.#coverage[fileIndex]!.covered(mark, doneMs, this.#durable);
  }

  /** An operation is handed over while so many are in flight, itself included. */
  issuedAtDepth(depth: number): void {
    this.#levels[Math.min(31 - Math.clz32(depth), 6)]!++;
  }

  submittedTogether(count: number): void {
    this.#submitted[batchLevel(count)]!++;
  }

  completedTogether(count: number): void {
    this.#completed[batchLevel(count)]!++;
  }

  failed(
    kind: number,
    fileIndex: number,
    byteOffset: number,
    byteCount: number,
    errno: number,
  ): void {
    this.#errorCount++;
    this.#firstError ??= {
      errno: errnoName(errno),
      operation: opKindNames[kind] as JobError['operation'],
      path: this.#job.extent.files[fileIndex]!.path,
      byteOffset,
      byteCount,
    };
  }

  /** Errors of reading back are errors of the job. */
  adoptErrors(other: JobMeter): void {
    this.#errorCount += other.#errorCount;
    this.#firstError ??= other.#firstError;
  }

  /** The operation that just completed is the first of its bucket. */
  #report(byteCount: number, nowMs: number): void {
    this.#reportedBucket = this.#rates.bucket;
    const progress = this.#progress;
    const ops = this.#total.reduce((sum, { count }) => sum + count, 0);
    const bytes = this.#bytes[0]! + this.#bytes[1]! + this.#bytes[2]!;
    progress[progressWords.ops] = ops;
    progress[progressWords.bytes] = bytes;
    // The seconds that have passed end before it.
    this.#isSteady = this.#steady?.isSteadyAt(nowMs, ops - 1, bytes - byteCount) === true;
    progress[progressWords.errors] = this.#errorCount;
  }

  directions(): PerDirection<DirectionResult> {
    const of = (number: 0 | 1 | 2): DirectionResult => ({
      ops: this.#total[number]!.count,
      bytes: this.#bytes[number]!,
      submission: this.#submission[number]!.snapshot(),
      completion: this.#completion[number]!.snapshot(),
      total: this.#total[number]!.snapshot(),
      intended: this.#intended[number]!.snapshot(),
    });
    return {
      read: of(transferNumber.read),
      write: of(transferNumber.write),
      trim: of(transferNumber.trim),
    };
  }

  writtenSinceStart(): WrittenAmount {
    const { ops, bytes } = this.#earlier;
    return {
      ops: ops + this.#total[opKind.write]!.count,
      bytes: bytes + this.#bytes[opKind.write]!,
    };
  }

  syncs(): SyncResult {
    const uncovered = this.#coverage.reduce((sum, coverage) => sum + coverage.uncovered, 0);
    const written = this.#total[opKind.write]!.count;
    return {
      ops: this.#sync.count,
      latency: this.#sync.snapshot(),
      durable: this.#durable.snapshot(),
      uncoveredWrites: this.#isDurableAtOnce ? 0 : this.#tracksCoverage ? uncovered : written,
    };
  }

  depth(): DepthResult {
    return {
      levels: [...this.#levels],
      submitted: [...this.#submitted],
      completed: [...this.#completed],
    };
  }

  series(endMs: number): RateSeries {
    return this.#rates.series(endMs);
  }

  /** Undefined where no log was asked for. */
  log(endMs: number): OpLogRecord | undefined {
    return this.#log?.snapshot(endMs);
  }

  errors(): ErrorResult {
    return { count: this.#errorCount, first: this.#firstError };
  }
}

function countersPerDirection(): readonly LatencyCounter[] {
  return directions.map(() => new LatencyCounter());
}

/** fio's levels of a batch: none, up to 4, 8, 16, 32, 64, more. */
function batchLevel(count: number): number {
  if (count === 0) return 0;
  if (count <= 4) return 1;
  return Math.min(31 - Math.clz32(count - 1), 6);
}
