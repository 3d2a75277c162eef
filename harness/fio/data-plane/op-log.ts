import type { FioJob } from '../job.ts';

/** The lines of fio's logs, in columns. Times are milliseconds from where measuring began. */
export interface OpLogRecord {
  /** Every line is a mean over so long; 0: every line is one operation. */
  readonly averageMs: number;
  readonly count: number;
  /** When it completed, or when its window ended. */
  readonly timesMs: Float64Array;
  /** 0 read, 1 write, 2 trim, as in fio. */
  readonly directions: Uint8Array;
  /** Of one operation, or of all in the window. */
  readonly bytes: Float64Array;
  readonly ops: Float64Array;
  /** Nanoseconds, of one operation or summed over the window. */
  readonly submissionNs: Float64Array;
  readonly completionNs: Float64Array;
  readonly totalNs: Float64Array;
  /** How long the window was; the last one may be shorter. 0 for one operation. */
  readonly spansMs: Float64Array;
}

const directionCount = 3;
const firstCapacity = 4096;
/** Bytes, operations, and the two parts of the latency, by direction. */
const sumCount = 4;

/**
 * Keeps what fio's logs will say. One line for each operation takes 57 bytes of memory while the job
 * runs; with `log_avg_msec`, only as many as there are windows. Grows by doubling, which is seldom.
 */
export class OpLog {
  readonly #averageMs: number;
  readonly #sums = new Float64Array(directionCount * sumCount);
  #startMs = 0;
  #windowEndMs = Infinity;
  #windowFromMs = 0;
  #count = 0;
  #columns = columnsOf(firstCapacity);

  constructor(averageMs: number) {
    this.#averageMs = averageMs;
  }

  /** Forgets what was recorded; measuring begins at `nowMs`. */
  restart(nowMs: number): void {
    this.#count = 0;
    this.#sums.fill(0);
    this.#startMs = nowMs;
    this.#windowFromMs = nowMs;
    this.#windowEndMs = this.#averageMs > 0 ? nowMs + this.#averageMs : Infinity;
  }

  /** The measured time goes on at `nowMs`, as though the pause since `sinceMs` had not been. */
  skip(sinceMs: number, nowMs: number): void {
    this.#startMs += nowMs - sinceMs;
    this.#windowFromMs += nowMs - sinceMs;
    this.#windowEndMs += nowMs - sinceMs;
  }

  record(
    direction: number,
    byteCount: number,
    startMs: number,
    issuedMs: number,
    doneMs: number,
  ): void {
    const submissionNs = (issuedMs - startMs) * 1e6;
    const completionNs = (doneMs - issuedMs) * 1e6;
    if (this.#averageMs === 0) {
      this.#add(doneMs, direction, byteCount, 1, submissionNs, completionNs, 0);
      return;
    }
    if (doneMs >= this.#windowEndMs) this.#closeWindows(doneMs);
    const sums = this.#sums;
    const at = direction * sumCount;
    sums[at]! += byteCount;
    sums[at + 1]!++;
    sums[at + 2]! += submissionNs;
    sums[at + 3]! += completionNs;
  }

  /** Ends the window that has begun. */
  snapshot(endMs: number): OpLogRecord {
    if (this.#averageMs > 0) {
      if (endMs >= this.#windowEndMs) this.#closeWindows(endMs);
      this.#closeWindow(endMs);
    }
    const { timesMs, directions, bytes, ops, submissionNs, completionNs, totalNs, spansMs } =
      this.#columns;
    const count = this.#count;
    return {
      averageMs: this.#averageMs,
      count,
      timesMs: timesMs.slice(0, count),
      directions: directions.slice(0, count),
      bytes: bytes.slice(0, count),
      ops: ops.slice(0, count),
      submissionNs: submissionNs.slice(0, count),
      completionNs: completionNs.slice(0, count),
      totalNs: totalNs.slice(0, count),
      spansMs: spansMs.slice(0, count),
    };
  }

  /** Windows in which nothing completed have no lines, as in fio. */
  #closeWindows(nowMs: number): void {
    this.#closeWindow(this.#windowEndMs);
    const passed = Math.floor((nowMs - this.#windowEndMs) / this.#averageMs);
    this.#windowFromMs = this.#windowEndMs + passed * this.#averageMs;
    this.#windowEndMs = this.#windowFromMs + this.#averageMs;
  }

  #closeWindow(endMs: number): void {
    const sums = this.#sums;
    const spanMs = endMs - this.#windowFromMs;
    for (let direction = 0; direction < directionCount; direction++) {
      const at = direction * sumCount;
      if (sums[at + 1] === 0) continue;
      this.#add(endMs, direction, sums[at]!, sums[at + 1]!, sums[at + 2]!, sums[at + 3]!, spanMs);
    }
    sums.fill(0);
  }

  #add(
    nowMs: number,
    direction: number,
    byteCount: number,
    ops: number,
    submissionNs: number,
    completionNs: number,
    spanMs: number,
  ): void {
    if (this.#count === this.#columns.timesMs.length) this.#grow();
    const at = this.#count++;
    const columns = this.#columns;
    columns.timesMs[at] = nowMs - this.#startMs;
    columns.directions[at] = direction;
    columns.bytes[at] = byteCount;
    columns.ops[at] = ops;
    columns.submissionNs[at] = submissionNs;
    columns.completionNs[at] = completionNs;
    columns.totalNs[at] = submissionNs + completionNs;
    columns.spansMs[at] = spanMs;
  }

  #grow(): void {
    const old = this.#columns;
    this.#columns = columnsOf(2 * old.timesMs.length);
    for (const name of Object.keys(old) as (keyof Columns)[]) {
      this.#columns[name].set(old[name]);
    }
  }
}

type Columns = Omit<OpLogRecord, 'averageMs' | 'count'>;

function columnsOf(capacity: number): Columns {
  const column = (): Float64Array => new Float64Array(capacity);
  return {
    timesMs: column(),
    directions: new Uint8Array(capacity),
    bytes: column(),
    ops: column(),
    submissionNs: column(),
    completionNs: column(),
    totalNs: column(),
    spansMs: column(),
  };
}

/** Undefined for a job that asks for no log: then nothing is kept. */
export function createOpLog({ report }: FioJob): OpLog | undefined {
  const { bandwidth, iops, latency, averageMs } = report.logs;
  const isAsked = bandwidth !== null || iops !== null || latency !== null;
  return isAsked ? new OpLog(averageMs) : undefined;
}
