import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { describe, expect, test } from 'vitest';
import type { LatencySummary } from '../contract/index.ts';
import { createLatencyHistogram, mergeLatencySummaries } from './latency-histogram.ts';

function summaryOf(clock: 'virtual' | 'real', latencies: readonly number[]): LatencySummary {
  using histogram = createLatencyHistogram(clock);
  for (const latencyNs of latencies) histogram.record(latencyNs);
  const summary = histogram.summary();
  if (summary === undefined) throw new Error('nothing was recorded');
  return summary;
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('a latency histogram', () => {
  test('@req K5: percentiles are right to three digits and the maximum is exact', () => {
    const summary = summaryOf(
      'real',
      range(1, 100_000).map((n) => n * 1000 + 7),
    );
    expect(summary.count).toBe(100_000);
    expect(summary.p50Ns).toBeGreaterThan(49_900_000);
    expect(summary.p50Ns).toBeLessThan(50_100_000);
    expect(summary.p999Ns / 99_900_007).toBeCloseTo(1, 2);
    expect(summary.maxNs).toBe(100_000_007);
  });

  test('no percentile lies above the largest latency recorded', () => {
    const summary = summaryOf('real', [1_000_001, 1_000_001, 1_000_001]);
    expect(summary.p50Ns).toBe(1_000_001);
    expect(summary.p999Ns).toBe(1_000_001);
  });

  test('nothing recorded is no summary, rather than a latency of 0', () => {
    using histogram = createLatencyHistogram('virtual');
    expect(histogram.summary()).toBeUndefined();
  });

  test('a latency beyond the tracked range is counted and its length kept', () => {
    const hours = 7_200_000_000_000;
    const summary = summaryOf('real', [5, hours]);
    expect(summary.count).toBe(2);
    expect(summary.maxNs).toBe(hours);
  });

  test.each([-1, Number.NaN])('a latency of %d is refused', (latencyNs) => {
    using histogram = createLatencyHistogram('real');
    expect(() => {
      histogram.record(latencyNs);
    }).toThrow(RangeError);
  });

  test('the encoding is read by the standard V2 decoder', () => {
    const decoded = decodeFromCompressedBase64(summaryOf('real', range(1, 1000)).histogram);
    expect(decoded.totalCount).toBe(1000);
    expect(decoded.getValueAtPercentile(50)).toBe(500);
  });

  test('after disposal it gives no summary, and disposing again does no harm', () => {
    const histogram = createLatencyHistogram('real');
    histogram.record(1);
    histogram[Symbol.dispose]();
    histogram[Symbol.dispose]();
    expect(() => histogram.summary()).toThrow('disposed');
  });
});

describe('merging', () => {
  test('adds samples, so that percentiles are those of all of them', () => {
    const merged = mergeLatencySummaries([
      summaryOf('virtual', range(1, 900)),
      summaryOf('virtual', range(1_000_001, 1_000_100)),
    ]);
    const whole = summaryOf('virtual', [...range(1, 900), ...range(1_000_001, 1_000_100)]);
    expect(merged).toEqual(whole);
  });

  test('of nothing is nothing', () => {
    expect(mergeLatencySummaries([])).toBeUndefined();
  });

  test('refuses to add modelled time to real time', () => {
    const summaries = [summaryOf('virtual', [1]), summaryOf('real', [1])];
    expect(() => mergeLatencySummaries(summaries)).toThrow('virtual and in real time');
  });
});
