import { expect, test } from 'vitest';
import {
  bucketCount,
  bucketOf,
  bucketValueNs,
  deviationNs,
  LatencyCounter,
  meanNs,
  mergeLatencyRecords,
  percentileNs,
} from './latency-buckets.ts';
import { latencySummaryOf } from './latency-summary.ts';

/** `plat_val_to_idx` of fio 3.33 (stat.c), in whole numbers of any size. */
function fioBucket(value: bigint): number {
  const msb = value === 0n ? 0 : value.toString(2).length - 1;
  if (msb <= 6) return Number(value);
  const errorBits = msb - 6;
  const base = (errorBits + 1) << 6;
  const offset = Number(63n & (value >> BigInt(errorBits)));
  return Math.min(base + offset, 29 * 64 - 1);
}

/** `plat_idx_to_val` of the same. */
function fioValue(bucket: number): number {
  if (bucket < 128) return bucket;
  const errorBits = (bucket >> 6) - 1;
  return Math.floor(2 ** (errorBits + 6) + ((bucket % 64) + 0.5) * 2 ** errorBits);
}

test('a latency falls into the bucket that fio puts it into, and the bucket has its value', () => {
  const values = [0, 1, 63, 64, 127, 128, 129, 191, 192, 255, 256, 4095, 4096, 1e6, 1e9];
  for (let power = 7; power < 40; power++) values.push(2 ** power - 1, 2 ** power, 2 ** power + 1);
  for (const value of values) {
    expect(bucketOf(value), String(value)).toBe(fioBucket(BigInt(value)));
  }
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    expect(bucketValueNs(bucket)).toBe(fioValue(bucket));
  }
});

test('a bucket stands for its values within 1/128', () => {
  for (let value = 1; value < 2 ** 34; value = Math.ceil(value * 1.0071)) {
    const shown = bucketValueNs(bucketOf(value));
    expect(Math.abs(shown - value) / value).toBeLessThanOrEqual(1 / 128);
  }
});

test('merged records are the record of all samples together', () => {
  const parts = [new LatencyCounter(), new LatencyCounter(), new LatencyCounter()];
  const whole = new LatencyCounter();
  for (let sample = 0; sample < 3000; sample++) {
    const latencyNs = ((sample * 7919) % 100_003) * 17;
    whole.record(latencyNs);
    parts[sample % 2]!.record(latencyNs);
  }
  const merged = mergeLatencyRecords(parts.map((part) => part.snapshot()));
  expect(merged).toEqual(whole.snapshot());
});

test('moments and percentiles are those of the samples', () => {
  const counter = new LatencyCounter();
  for (const latencyNs of [10, 20, 30, 40, 100]) counter.record(latencyNs);
  const record = counter.snapshot();
  expect(meanNs(record)).toBe(40);
  expect(deviationNs(record)).toBeCloseTo(Math.sqrt(1250), 9);
  expect([1, 20, 21, 50, 80, 100].map((percent) => percentileNs(record, percent))).toEqual([
    10, 10, 20, 30, 40, 100,
  ]);
  expect([record.minNs, record.maxNs]).toEqual([10, 100]);
});

test('nothing recorded is 0 everywhere, and no NaN', () => {
  const record = new LatencyCounter().snapshot();
  expect([meanNs(record), deviationNs(record), percentileNs(record, 50), record.minNs]).toEqual([
    0, 0, 0, 0,
  ]);
});

test('what is longer than the histogram is counted at its end, and the maximum says how long', () => {
  const counter = new LatencyCounter();
  counter.record(2 ** 40);
  const record = counter.snapshot();
  expect(record.buckets[bucketCount - 1]).toBe(1);
  expect(record.maxNs).toBe(2 ** 40);
});

test('the summary of a record has its percentiles, within the error of both histograms', () => {
  const counter = new LatencyCounter();
  for (let sample = 1; sample <= 10_000; sample++) counter.record(sample * 137);
  const record = counter.snapshot();
  const summary = latencySummaryOf(record)!;
  expect(summary).toMatchObject({ count: 10_000, maxNs: 1_370_000 });
  for (const [shownNs, percent] of [
    [summary.p50Ns, 50],
    [summary.p99Ns, 99],
    [summary.p999Ns, 99.9],
  ] as const) {
    expect(Math.abs(shownNs - percent * 13_700) / (percent * 13_700)).toBeLessThan(0.0095);
  }
  expect(latencySummaryOf(new LatencyCounter().snapshot())).toBeUndefined();
});
