import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRandom } from '../../contract/index.ts';
import { subsetsOf } from './brute-force.fixture.ts';
import { createNoise } from './noise.fixture.ts';
import { rankSumEstimate, rankSumPValue } from './rank-sum.ts';

const seed = 20_262;
const side = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 5 });

/** Every way to choose which of the values are the others. */
function bruteForcePValue(ones: readonly number[], others: readonly number[]): number {
  const all = [...ones, ...others];
  const rankOf = (value: number): number =>
    all.filter((other) => other < value).length +
    (all.filter((other) => other === value).length + 1) / 2;
  const sumOf = (chosen: readonly number[]): number =>
    chosen.reduce((sum, index) => sum + rankOf(all[index]!), 0);
  const observed = sumOf(others.map((_, index) => ones.length + index));
  const choices = subsetsOf(all.length).filter((chosen) => chosen.length === others.length);
  return choices.filter((chosen) => sumOf(chosen) >= observed).length / choices.length;
}

test('the p-value is that of all ways to share out the values, ties included', () => {
  fc.assert(
    fc.property(side, side, (ones, others) => {
      expect(rankSumPValue(ones, others)).toBeCloseTo(bruteForcePValue(ones, others), 12);
    }),
    { seed, numRuns: 200 },
  );
});

test('the bounds are where the test, tried at every shift, begins to reject', () => {
  const distinct = fc.uniqueArray(fc.integer({ min: -1000, max: 1000 }), {
    minLength: 6,
    maxLength: 12,
  });
  fc.assert(
    fc.property(distinct, fc.constantFrom(0.02, 0.05, 0.1), (values, alpha) => {
      const spread = values.map((value, index) => value + Math.SQRT2 / (index + 3));
      const ones = spread.slice(0, spread.length >> 1);
      const others = spread.slice(spread.length >> 1);
      const { lower, upper } = rankSumEstimate(ones, others, alpha);
      if (!Number.isFinite(lower)) return;
      const pAbove = (shift: number): number =>
        rankSumPValue(
          ones,
          others.map((value) => value - shift),
        );
      const pBelow = (shift: number): number =>
        rankSumPValue(
          others.map((value) => value - shift),
          ones,
        );
      const step = 1e-6;
      expect(pAbove(lower - step)).toBeLessThanOrEqual(alpha);
      expect(pAbove(lower + step)).toBeGreaterThan(alpha);
      expect(pBelow(upper + step)).toBeLessThanOrEqual(alpha);
      expect(pBelow(upper - step)).toBeGreaterThan(alpha);
    }),
    { seed, numRuns: 200 },
  );
});

test('no bound lies on the wrong side of the true shift more often than was asked for', () => {
  const noise = createNoise(createRandom(seed).fork('coverage'));
  const truth = 0.2;
  const alpha = 0.05;
  const trials = 2000;
  let wrong = 0;
  for (let trial = 0; trial < trials; trial++) {
    const ones = Array.from({ length: 7 }, () => noise.normal());
    const others = Array.from({ length: 9 }, () => truth + noise.normal());
    if (rankSumEstimate(ones, others, alpha).lower > truth) wrong++;
  }
  expect(wrong / trials).toBeLessThanOrEqual(alpha + 3 * Math.sqrt((alpha * 0.95) / trials));
  expect(wrong / trials).toBeGreaterThan(alpha * 0.4);
});
