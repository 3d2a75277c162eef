import { expect, test } from 'vitest';
import { latencyOf } from '../run-summary.fixture.ts';
import { isSound, latencyCurve, percentOf } from './latency-curve.ts';

test('nines are percentiles', () => {
  expect(percentOf(0)).toBe(0);
  expect(percentOf(1)).toBe(90);
  expect(percentOf(3)).toBeCloseTo(99.9, 9);
});

test('a percentile is sound with at least ten samples beyond it', () => {
  expect(isSound(1000, 2)).toBe(true);
  expect(isSound(999, 2)).toBe(false);
});

test('the curve never falls, ends at the largest value, and turns unsound once', () => {
  const summary = latencyOf(1600, 'real');
  const { points, isComplete } = latencyCurve(summary);
  expect(isComplete).toBe(true);
  const latencies = points.map((point) => point.latencyNs);
  expect(latencies).toEqual([...latencies].sort((left, right) => left - right));
  expect(latencies.at(-1)).toBe(summary.maxNs);
  const sound = points.filter((point) => point.isSound);
  expect(sound.at(-1)?.nines).toBeLessThanOrEqual(Math.log10(160));
  expect(points.slice(0, sound.length)).toEqual(sound);
});

test('a histogram of another count is not trusted', () => {
  const { histogram } = latencyOf(10, 'real');
  expect(latencyCurve({ ...latencyOf(1600, 'real'), histogram }).isComplete).toBe(false);
});
