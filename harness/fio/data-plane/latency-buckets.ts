/**
 * Latencies in fio's histogram (fio 3.33, stat.h and stat.c: `plat_val_to_idx`): 64 buckets to each
 * power of two, 29 groups. A value stands for its bucket within 1/128; what is longer than 2^34 ns
 * (17 s) is counted in the last bucket, and `maxNs` still says how long it was. Histograms of the same
 * layout are merged by adding, also with the `bins` of fio's json+.
 */

const bucketBits = 6;
const bucketsPerGroup = 1 << bucketBits;
const groupCount = 29;
export const bucketCount = groupCount * bucketsPerGroup;

const two32 = 2 ** 32;

/** Fractions of a nanosecond are dropped. */
export function bucketOf(latencyNs: number): number {
  if (latencyNs >= two32) return bucketOfLong(latencyNs);
  const whole = latencyNs >>> 0;
  if (whole < 2 * bucketsPerGroup) return whole;
  const shift = 31 - Math.clz32(whole) - bucketBits;
  return ((shift + 1) << bucketBits) + ((whole >>> shift) & (bucketsPerGroup - 1));
}

function bucketOfLong(latencyNs: number): number {
  const shift = 63 - Math.clz32(Math.floor(latencyNs / two32)) - bucketBits;
  const offset = Math.floor(latencyNs / 2 ** shift) & (bucketsPerGroup - 1);
  return Math.min(((shift + 1) << bucketBits) + offset, bucketCount - 1);
}

/** What fio prints for the bucket: its middle, and the exact value where it holds only one. */
export function bucketValueNs(bucket: number): number {
  if (bucket < 2 * bucketsPerGroup) return bucket;
  const shift = (bucket >> bucketBits) - 1;
  const base = 2 ** (shift + bucketBits);
  return Math.floor(base + ((bucket % bucketsPerGroup) + 0.5) * 2 ** shift);
}

/** What was recorded, as plain data: it goes across threads and adds to others of its kind. */
export interface LatencyRecord {
  readonly count: number;
  /** 0 where nothing was recorded, as the other figures then are. */
  readonly minNs: number;
  readonly maxNs: number;
  readonly sumNs: number;
  readonly sumOfSquares: number;
  /** Samples by `bucketOf`. */
  readonly buckets: Uint32Array;
}

/** Records in place: no allocation, some 10 ns each. */
export class LatencyCounter {
  readonly #buckets = new Uint32Array(bucketCount);
  /** Count, least, most, sum, sum of squares. */
  readonly #moments = new Float64Array(5);

  constructor() {
    this.reset();
  }

  get count(): number {
    return this.#moments[0]!;
  }

  /** `latencyNs` below 0 counts as 0: two clock readings of one moment may differ by rounding. */
  record(latencyNs: number): void {
    const value = latencyNs > 0 ? latencyNs : 0;
    const moments = this.#moments;
    this.#buckets[bucketOf(value)]!++;
    moments[0]!++;
    if (value < moments[1]!) moments[1] = value;
    if (value > moments[2]!) moments[2] = value;
    moments[3]! += value;
    moments[4]! += value * value;
  }

  reset(): void {
    this.#buckets.fill(0);
    this.#moments.fill(0);
    this.#moments[1] = Infinity;
  }

  snapshot(): LatencyRecord {
    const [count, least, most, sum, squares] = this.#moments;
    return {
      count: count!,
      minNs: count === 0 ? 0 : Math.floor(least!),
      maxNs: Math.floor(most!),
      sumNs: sum!,
      sumOfSquares: squares!,
      buckets: this.#buckets.slice(),
    };
  }
}

/** All samples of all records, so that percentiles are of all of them. */
export function mergeLatencyRecords(records: readonly LatencyRecord[]): LatencyRecord {
  const buckets = new Uint32Array(bucketCount);
  for (const record of records) {
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      buckets[bucket]! += record.buckets[bucket]!;
    }
  }
  const used = records.filter(({ count }) => count > 0);
  const sumOf = (figure: (record: LatencyRecord) => number): number =>
    used.reduce((sum, record) => sum + figure(record), 0);
  return {
    count: sumOf(({ count }) => count),
    minNs: used.length === 0 ? 0 : Math.min(...used.map(({ minNs }) => minNs)),
    maxNs: Math.max(0, ...used.map(({ maxNs }) => maxNs)),
    sumNs: sumOf(({ sumNs }) => sumNs),
    sumOfSquares: sumOf(({ sumOfSquares }) => sumOfSquares),
    buckets,
  };
}

export function meanNs({ count, sumNs }: LatencyRecord): number {
  return count === 0 ? 0 : sumNs / count;
}

/** Of a sample, as fio has it; 0 for fewer than two. */
export function deviationNs({ count, sumNs, sumOfSquares }: LatencyRecord): number {
  if (count < 2) return 0;
  return Math.sqrt(Math.max(0, sumOfSquares - (sumNs * sumNs) / count) / (count - 1));
}

/**
 * The value that so many percent of the samples do not exceed, as fio finds it: the first bucket at
 * which the running count reaches the share. 0 where nothing was recorded.
 */
export function percentileNs({ count, buckets }: LatencyRecord, percent: number): number {
  const wanted = (percent / 100) * count;
  let sum = 0;
  for (let bucket = 0; bucket < bucketCount && count > 0; bucket++) {
    sum += buckets[bucket]!;
    if (sum >= wanted && sum > 0) return bucketValueNs(bucket);
  }
  return 0;
}
