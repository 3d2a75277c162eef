import { expect, test } from 'vitest';
import { bucketCoverage, totalCoverage } from './coverage-buckets.ts';

test('few intervals stay as they are', () => {
  const coverage = [{ round: 1, interval: 0, checked: 4, legalLog10: 2 }];
  expect(bucketCoverage(coverage, 10)).toEqual([
    { first: coverage[0], intervals: 1, checked: 4, legalLog10: 2 },
  ]);
});

test('neighbours taken together keep their sums, beyond what a double holds too', () => {
  const coverage = Array.from({ length: 200_000 }, (_, interval) => ({
    round: 1,
    interval,
    checked: 2,
    legalLog10: 400,
  }));
  const buckets = bucketCoverage(coverage, 20);
  expect(buckets).toHaveLength(20);
  expect(buckets[0]).toMatchObject({ intervals: 10_000, checked: 20_000 });
  expect(buckets[0]?.legalLog10).toBeCloseTo(404, 6);
  expect(totalCoverage(coverage).legalLog10).toBeCloseTo(405.3, 1);
});

test('an interval is exhausted only when every legal state was checked', () => {
  const coverage = [
    { round: 1, interval: 0, checked: 8, legalLog10: Math.log10(8) },
    { round: 1, interval: 1, checked: 7, legalLog10: Math.log10(8) },
    { round: 1, interval: 2, checked: 0, legalLog10: 0 },
  ];
  expect(totalCoverage(coverage)).toMatchObject({ exhausted: 1, untouched: 1, checked: 15 });
});
