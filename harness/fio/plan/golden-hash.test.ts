import { expect, test } from 'vitest';
import { createRandom } from '../../contract/index.ts';
import { goldenHash } from './golden-hash.ts';
import { zetaOf } from './skewed-places.ts';

test('the hash is the 64-bit product, whatever the numbers', () => {
  const random = createRandom(5);
  for (let round = 0; round < 2000; round++) {
    const value = (random.uint32() >>> random.below(31)) * (round % 3 === 0 ? 4096 : 1);
    const blockCount = 1 + (random.uint32() >>> random.below(31)) * (round % 5 === 0 ? 30 : 1);
    const product = (BigInt(value) * 0x61c8864680b583ebn) & 0xffff_ffff_ffff_ffffn;
    expect(goldenHash(value, blockCount)).toBe(Number(product % BigInt(blockCount)));
  }
  expect(goldenHash(5, 2 ** 32)).toBe(Number((5n * 0x61c8864680b583ebn) & 0xffff_ffffn));
});

test('zeta is the sum of its terms, however many', () => {
  for (const theta of [0.5, 0.99, 1.2, 3]) {
    let sum = 0;
    for (let term = 1; term <= 200_000; term++) sum += term ** -theta;
    expect(zetaOf(200_000, theta) / sum).toBeCloseTo(1, 11);
  }
});
