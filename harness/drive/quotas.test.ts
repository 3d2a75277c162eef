import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRandom } from '../contract/index.ts';
import { spreadBudget } from './quotas.ts';

test('the budget is spent whole where the caps allow, and evenly', () => {
  const caps = fc.array(fc.oneof(fc.nat(50), fc.constant(Infinity)), { maxLength: 30 });
  fc.assert(
    fc.property(caps, fc.nat(400), fc.nat(), (some, budget, seed) => {
      const quotas = spreadBudget(some, budget, createRandom(seed));
      const total = some.reduce((sum, cap) => sum + cap, 0);
      expect(quotas.reduce((sum, quota) => sum + quota, 0)).toBe(Math.min(total, budget));
      for (const [place, quota] of quotas.entries()) {
        expect(quota).toBeLessThanOrEqual(some[place]!);
        // Nobody who could take more is behind another by more than one.
        if (quota < some[place]!) expect(quota).toBeGreaterThanOrEqual(Math.max(...quotas) - 1);
      }
    }),
    { seed: 20_260_105, numRuns: 500 },
  );
});

test('with fewer states than moments, chance picks the moments', () => {
  const caps = Array.from({ length: 100 }, () => 4);
  const [first, second] = [1, 2].map((seed) => spreadBudget(caps, 10, createRandom(seed)));
  expect(first).not.toEqual(second);
});
