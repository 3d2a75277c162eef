import {
  bucketCount,
  bucketValueNs,
  deviationNs,
  meanNs,
  percentileNs,
  type LatencyRecord,
} from '../data-plane/latency-buckets.ts';

/** Latencies in nanoseconds by fio's names. */
export interface FioLatency {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly stddev: number;
  readonly N: number;
  readonly percentile?: Readonly<Record<string, number>>;
  /** Samples by the value of their bucket; adds up with the bins of other runs. */
  readonly bins?: Readonly<Record<string, number>>;
}

export interface LatencyDetail {
  /** Percentages; none: left out. */
  readonly percentiles: readonly number[];
  readonly hasBins: boolean;
}

/** As fio, which leaves percentiles and bins out where there are no samples. */
export function fioLatency(record: LatencyRecord, detail: LatencyDetail): FioLatency {
  const hasSamples = record.count > 0;
  return {
    min: record.minNs,
    max: record.maxNs,
    mean: round6(meanNs(record)),
    stddev: round6(deviationNs(record)),
    N: record.count,
    ...(detail.percentiles.length > 0 && hasSamples
      ? { percentile: percentilesOf(record, detail.percentiles) }
      : {}),
    ...(detail.hasBins && hasSamples ? { bins: binsOf(record) } : {}),
  };
}

function percentilesOf(
  record: LatencyRecord,
  percentiles: readonly number[],
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    percentiles.map((percent) => [percent.toFixed(6), percentileNs(record, percent)]),
  );
}

function binsOf({ buckets }: LatencyRecord): Readonly<Record<string, number>> {
  const bins: Record<string, number> = {};
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    if (buckets[bucket]! > 0) bins[String(bucketValueNs(bucket))] = buckets[bucket]!;
  }
  return bins;
}

/** Upper ends of fio's coarse buckets in each unit; the last one of `ms` has none. */
const coarse = {
  ns: [2, 4, 10, 20, 50, 100, 250, 500, 750, 1000],
  us: [2, 4, 10, 20, 50, 100, 250, 500, 750, 1000],
  ms: [2, 4, 10, 20, 50, 100, 250, 500, 750, 1000, 2000],
} as const;

export interface CoarseLatencies {
  readonly latency_ns: Readonly<Record<string, number>>;
  readonly latency_us: Readonly<Record<string, number>>;
  readonly latency_ms: Readonly<Record<string, number>>;
}

/** Percentages of all samples in fio's coarse buckets; a key names the value that is not reached. */
export function coarseLatencies({ count, buckets }: LatencyRecord): CoarseLatencies {
  const counts = {
    ns: emptyCounts(coarse.ns),
    us: emptyCounts(coarse.us),
    ms: { ...emptyCounts(coarse.ms), '>=2000': 0 },
  };
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    const samples = buckets[bucket]!;
    if (samples === 0) continue;
    const [unit, key] = coarsePlace(bucketValueNs(bucket));
    const row: Record<string, number> = counts[unit];
    row[key] = row[key]! + (100 * samples) / count;
  }
  return {
    latency_ns: rounded(counts.ns),
    latency_us: rounded(counts.us),
    latency_ms: rounded(counts.ms),
  };
}

function coarsePlace(valueNs: number): readonly ['ns' | 'us' | 'ms', string] {
  if (valueNs < 1e3) return ['ns', keyOf(coarse.ns, valueNs)];
  if (valueNs < 1e6) return ['us', keyOf(coarse.us, Math.floor(valueNs / 1e3))];
  return ['ms', keyOf(coarse.ms, Math.floor(valueNs / 1e6))];
}

function keyOf(ends: readonly number[], value: number): string {
  const end = ends.find((candidate) => value < candidate);
  return end === undefined ? '>=2000' : String(end);
}

function emptyCounts(ends: readonly number[]): Record<string, number> {
  return Object.fromEntries(ends.map((end) => [String(end), 0]));
}

function rounded(row: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, round6(value)]));
}

/** fio prints six decimals. */
export function round6(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
