import { expect, it } from 'vitest';
import { createRandom } from '../../harness/contract/index.ts';
import { createZipf } from './zipf.ts';

it("ranks come as often as Zipf's law says", () => {
  const draw = createZipf(10, 1);
  const random = createRandom(3);
  const drawn = 200_000;
  const counts = new Array<number>(10).fill(0);
  for (let index = 0; index < drawn; index++) counts[draw(random)]!++;
  const total = counts.reduce((sum, _, rank) => sum + 1 / (rank + 1), 0);
  for (const [rank, count] of counts.entries()) {
    const expected = drawn / ((rank + 1) * total);
    // Five standard deviations of a binomial count.
    expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected));
  }
});

it('an exponent of 0 draws evenly', () => {
  const draw = createZipf(4, 0);
  const random = createRandom(3);
  const counts = [0, 0, 0, 0];
  for (let index = 0; index < 40_000; index++) counts[draw(random)]!++;
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

it('a single rank is always drawn', () => {
  expect(createZipf(1, 0.99)(createRandom(1))).toBe(0);
});
