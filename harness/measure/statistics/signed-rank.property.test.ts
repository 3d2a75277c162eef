import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRandom } from '../../contract/index.ts';
import { signedRankEstimate, signedRankPValue } from './signed-rank.ts';
import { subsetsOf } from './brute-force.fixture.ts';
import { createNoise } from './noise.fixture.ts';

const seed = 20_261;
const differences = fc.array(fc.integer({ min: -40, max: 40 }), { minLength: 1, maxLength: 9 });

/** Every one of the 2^n ways to give the ranks their signs. */
function bruteForcePValue(values: readonly number[]): number {
  const nonzero = values.filter((value) => value !== 0);
  const sizes = nonzero.map(Math.abs);
  const rankOf = (size: number): number =>
    sizes.filter((other) => other < size).length +
    (sizes.filter((other) => other === size).length + 1) / 2;
  const ranks = sizes.map(rankOf);
  const sumOf = (chosen: readonly number[]): number =>
    chosen.reduce((sum, index) => sum + ranks[index]!, 0);
  const observed = sumOf(nonzero.flatMap((value, index) => (value > 0 ? [index] : [])));
  const all = subsetsOf(nonzero.length);
  return all.filter((chosen) => sumOf(chosen) >= observed).length / all.length;
}

test('the p-value is that of all ways to sign the ranks, ties and zeros included', () => {
  fc.assert(
    fc.property(differences, (values) => {
      expect(signedRankPValue(values)).toBeCloseTo(bruteForcePValue(values), 12);
    }),
    { seed, numRuns: 300 },
  );
});

test('the bounds are where the test, tried at every shift, begins to reject', () => {
  const distinct = fc.uniqueArray(fc.integer({ min: -1000, max: 1000 }), {
    minLength: 3,
    maxLength: 9,
  });
  fc.assert(
    fc.property(distinct, fc.constantFrom(0.01, 0.05, 0.13), (values, alpha) => {
      // Odd multiples of irrational steps: no two means of two values are equal.
      const spread = values.map((value, index) => value + Math.SQRT2 / (index + 3));
      const { lower, upper } = signedRankEstimate(spread, alpha);
      const pAbove = (shift: number): number => signedRankPValue(spread.map((x) => x - shift));
      const pBelow = (shift: number): number => signedRankPValue(spread.map((x) => shift - x));
      if (!Number.isFinite(lower)) {
        expect(0.5 ** values.length).toBeGreaterThan(alpha);
        return;
      }
      const step = 1e-6;
      expect(pAbove(lower - step)).toBeLessThanOrEqual(alpha);
      expect(pAbove(lower + step)).toBeGreaterThan(alpha);
      expect(pBelow(upper + step)).toBeLessThanOrEqual(alpha);
      expect(pBelow(upper - step)).toBeGreaterThan(alpha);
    }),
    { seed, numRuns: 300 },
  );
});

test('the estimate lies between the bounds, and moves with the values', () => {
  fc.assert(
    fc.property(differences, fc.integer({ min: -50, max: 50 }), (values, shift) => {
      const before = signedRankEstimate(values, 0.05);
      const after = signedRankEstimate(
        values.map((value) => value + shift),
        0.05,
      );
      expect(after.estimate).toBeCloseTo(before.estimate + shift, 9);
      expect(before.estimate).toBeGreaterThanOrEqual(before.lower);
      expect(before.estimate).toBeLessThanOrEqual(before.upper);
    }),
    { seed, numRuns: 200 },
  );
});

test('no bound lies on the wrong side of the true shift more often than was asked for', () => {
  const noise = createNoise(createRandom(seed).fork('coverage'));
  const truth = 0.03;
  for (const { count, alpha } of [
    { count: 8, alpha: 0.05 },
    { count: 12, alpha: 0.01 },
    { count: 24, alpha: 0.05 },
  ]) {
    let lowerWrong = 0;
    let upperWrong = 0;
    const trials = 3000;
    for (let trial = 0; trial < trials; trial++) {
      const values = Array.from({ length: count }, () => truth + 0.1 * noise.heavyTailed());
      const { lower, upper } = signedRankEstimate(values, alpha);
      if (lower > truth) lowerWrong++;
      if (upper < truth) upperWrong++;
    }
    // Three standard deviations of the counted share above the level.
    const most = alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / trials);
    expect(lowerWrong / trials, `${count} pairs`).toBeLessThanOrEqual(most);
    expect(upperWrong / trials, `${count} pairs`).toBeLessThanOrEqual(most);
    // And the bounds are not idle: they are wrong nearly as often as they may be.
    expect((lowerWrong + upperWrong) / trials).toBeGreaterThan(alpha * 0.8);
  }
});
