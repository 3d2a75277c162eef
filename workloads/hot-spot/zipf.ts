import type { Random } from '../../harness/contract/index.ts';

/**
 * Draws ranks from 0 to `count` - 1, rank `k` in proportion to 1 / (k + 1)^exponent (Zipf's law), by
 * looking a uniform number of 53 bits up in the table of cumulative weights: exact up to the rounding
 * of the table, at 8 bytes a rank.
 */
export function createZipf(count: number, exponent: number): (random: Random) => number {
  const cumulative = cumulativeWeights(count, exponent);
  const total = cumulative[count - 1]!;
  return (random) => rankOf(cumulative, uniform(random) * total);
}

function cumulativeWeights(count: number, exponent: number): Float64Array {
  const cumulative = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) {
    sum += (rank + 1) ** -exponent;
    cumulative[rank] = sum;
  }
  return cumulative;
}

/** From 0 (included) to 1 (excluded), in steps of 2^-53. */
function uniform(random: Random): number {
  const high = random.uint32() >>> 5;
  const low = random.uint32() >>> 6;
  return (high * 2 ** 26 + low) * 2 ** -53;
}

/** The first rank whose cumulative weight is above the target. */
function rankOf(cumulative: Float64Array, target: number): number {
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cumulative[middle]! > target) high = middle;
    else low = middle + 1;
  }
  return low;
}
