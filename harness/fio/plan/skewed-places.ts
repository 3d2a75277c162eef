import type { Random } from '../../contract/index.ts';
import { goldenHash } from './golden-hash.ts';
import { uniformBelow } from './uniform-below.ts';

/** Draws block numbers from 0 to `blockCount` - 1. */
export interface Places {
  next(): number;
}

const two32 = 2 ** 32;
const uint32Max = two32 - 1;

/** fio sums so many terms of zeta exactly and no more (its ZIPF_MAX_GEN), so neither do we. */
const zetaTermsMax = 10_000_000;

/**
 * Zipf's law as fio has it: the rank by the method of Gray et al., "Quickly Generating Billion-Record
 * Synthetic Databases" (SIGMOD 1994), from 32 random bits; then the rank's place by `goldenHash`,
 * moved by `center`.
 */
export function zipfPlaces(
  blockCount: number,
  { theta, center }: { readonly theta: number; readonly center: number | null },
  random: Random,
): Places {
  const zeta = zetaOf(Math.min(blockCount, zetaTermsMax), theta);
  const alpha = 1 / (1 - theta);
  const eta = (1 - (2 / blockCount) ** (1 - theta)) / (1 - zetaOf(2, theta) / zeta);
  const secondLimit = 1 + 0.5 ** theta;
  const shift = shiftOf(blockCount, center, random);
  return {
    next(): number {
      const uniform = random.uint32() / uint32Max;
      const scaled = uniform * zeta;
      let rank = 0;
      if (scaled >= 1) {
        rank = 1;
        if (scaled >= secondLimit) {
          rank = Math.floor(blockCount * Math.pow(eta * uniform - eta + 1, alpha));
        }
      }
      return moved(goldenHash(rank, blockCount), shift, blockCount);
    },
  };
}

/** Pareto's law as fio has it: the power makes the share `h` of the blocks get `1 - h` of the hits. */
export function paretoPlaces(
  blockCount: number,
  { power, center }: { readonly power: number; readonly center: number | null },
  random: Random,
): Places {
  const exponent = Math.log(power) / Math.log(1 - power);
  const shift = shiftOf(blockCount, center, random);
  return {
    next(): number {
      const uniform = random.uint32() / uint32Max;
      const rank = Math.floor((blockCount - 1) * Math.pow(uniform, exponent));
      return moved(goldenHash(rank, blockCount), shift, blockCount);
    },
  };
}

/** So many uniform numbers are averaged for one that is nearly normal. */
const normalTerms = 12;

/**
 * fio's normal distribution: the mean of twelve uniform numbers, with the deviation on top, hashed
 * over the region.
 */
export function normalPlaces(
  blockCount: number,
  {
    deviationPercent,
    center,
  }: { readonly deviationPercent: number; readonly center: number | null },
  random: Random,
): Places {
  const widest = Math.floor(blockCount / 2);
  const spread = Math.min(Math.ceil((blockCount * deviationPercent) / 100), widest);
  const shift = center === null ? 0 : Math.trunc(blockCount * (center - 0.5));
  return {
    next(): number {
      let sum = 0;
      for (let term = 0; term < normalTerms; term++) sum += uniformBelow(blockCount + 1, random);
      let place = Math.floor((sum + normalTerms - 1) / normalTerms);
      if (spread > 0) place += deviationWithin(place, spread, blockCount, random);
      const moved = goldenHash(place, blockCount) + shift;
      return ((moved % blockCount) + blockCount) % blockCount;
    },
  };
}

/** Halved until it leads to a block of the region. */
function deviationWithin(
  place: number,
  spread: number,
  blockCount: number,
  random: Random,
): number {
  let deviation = Math.floor(spread * (random.uint32() / two32)) - Math.floor(spread / 2);
  while (place + deviation >= blockCount || place + deviation < 0) {
    deviation = Math.trunc(deviation / 2);
    if (deviation === 0) return Math.min(0, blockCount - 1 - place);
  }
  return deviation;
}

function moved(place: number, shift: number, blockCount: number): number {
  const sum = place + shift;
  return sum >= blockCount ? sum - blockCount : sum;
}

function shiftOf(blockCount: number, center: number | null, random: Random): number {
  if (center === null) return uniformBelow(blockCount, random);
  return Math.floor(blockCount * center) % blockCount;
}

/** Terms that are summed one by one, before the rest is integrated. */
const zetaHead = 1000;

/**
 * The sum of k^-theta for k from 1 to `terms`: the head one by one, the rest by Euler and Maclaurin,
 * whose error is far below the rounding of the sum itself.
 */
export function zetaOf(terms: number, theta: number): number {
  let sum = 0;
  const head = Math.min(terms, zetaHead);
  for (let term = 1; term <= head; term++) sum += term ** -theta;
  if (terms === head) return sum;
  const integral =
    theta === 1
      ? Math.log(terms / head)
      : (terms ** (1 - theta) - head ** (1 - theta)) / (1 - theta);
  const edges = (terms ** -theta - head ** -theta) / 2;
  const slopes = (theta * (head ** (-theta - 1) - terms ** (-theta - 1))) / 12;
  return sum + integral + edges + slopes;
}
