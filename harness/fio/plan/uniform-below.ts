import type { Random } from '../../contract/index.ts';

const two32 = 2 ** 32;

/**
 * A whole number from 0 to `bound` - 1 by one multiplication, as fio draws them: the bias is at most
 * `bound` / 2^32 (`bound` / 2^53 above 2^32), and no draw is ever thrown away.
 */
export function uniformBelow(bound: number, random: Random): number {
  if (bound <= two32) return Math.floor((random.uint32() * bound) / two32);
  const high = random.uint32() >>> 5;
  const low = random.uint32() >>> 6;
  return Math.floor(((high * 2 ** 26 + low) / 2 ** 53) * bound);
}

/** From 1 to 100, both possible. */
export function percentDraw(random: Random): number {
  return 1 + Math.floor((random.uint32() * 100) / two32);
}
