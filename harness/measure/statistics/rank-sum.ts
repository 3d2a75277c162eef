import assert from 'node:assert/strict';
import { ascending } from './ascending.ts';
import { doubledMidranks } from './midranks.ts';
import { nullDistribution, type NullDistribution } from './null-distribution.ts';
import { boundsFrom, type ShiftEstimate } from './shift-estimate.ts';

/** Of one side. Beyond that the exact distribution takes seconds. */
export const runsOfSideMax = 60;

/**
 * How far `others` lie above `ones`, for runs that were not made in pairs: Mann and Whitney's test,
 * turned into an estimate with bounds (Hollander, Wolfe and Chicken, Nonparametric Statistical Methods,
 * 4.1-4.3): the median of all differences, and its order statistics that the exact null distribution
 * picks. `alphaOfEach` is the probability that one bound is wrong.
 */
export function rankSumEstimate(
  ones: readonly number[],
  others: readonly number[],
  alphaOfEach: number,
): ShiftEstimate {
  checkSides(ones, others);
  const differences = ascending(others.flatMap((other) => ones.map((one) => other - one)));
  return boundsFrom(differences, mannWhitneyDistribution(ones.length, others.length), alphaOfEach);
}

/**
 * Exact probability, where all values came from one source, that those called `others` have ranks as
 * high as this. Equal values share their ranks.
 */
export function rankSumPValue(ones: readonly number[], others: readonly number[]): number {
  checkSides(ones, others);
  const ranks = doubledMidranks([...ones, ...others]);
  const statistic = ranks.slice(ones.length).reduce((sum, rank) => sum + rank, 0);
  return distributionOfRankSum(ranks, others.length).atLeast(statistic);
}

function checkSides(...sides: readonly (readonly number[])[]): void {
  for (const side of sides) {
    assert(side.length > 0, 'a side without values');
    assert(side.length <= runsOfSideMax, `more than ${runsOfSideMax} values of a side`);
    assert(side.every(Number.isFinite), 'a value is no finite number');
  }
}

/** Of U, the number of pairs in which the other is the larger, where there are no equal values. */
function mannWhitneyDistribution(oneCount: number, otherCount: number): NullDistribution {
  const ranks = Array.from({ length: oneCount + otherCount }, (_, index) => index + 1);
  const sums = rankSumProbabilities(ranks, otherCount);
  return nullDistribution(sums.subarray((otherCount * (otherCount + 1)) / 2));
}

function distributionOfRankSum(ranks: readonly number[], chosenCount: number): NullDistribution {
  return nullDistribution(rankSumProbabilities(ranks, chosenCount));
}

/** Probability of each sum of `chosenCount` of the ranks, every choice being equally likely. */
function rankSumProbabilities(ranks: readonly number[], chosenCount: number): Float64Array {
  const most = [...ranks]
    .sort((a, b) => b - a)
    .slice(0, chosenCount)
    .reduce((sum, rank) => sum + rank, 0);
  // Row k: the share of choices of k ranks, among those seen so far, that have each sum.
  const rows = Array.from({ length: chosenCount + 1 }, () => new Float64Array(most + 1));
  rows[0]![0] = 1;
  for (const [seen, rank] of ranks.entries()) {
    for (let chosen = Math.min(chosenCount, seen + 1); chosen >= 1; chosen--) {
      // Of the choices of `chosen` out of seen + 1, so many have the newest rank.
      const share = chosen / (seen + 1);
      addChoice(rows[chosen]!, rows[chosen - 1]!, rank, share);
    }
  }
  return rows[chosenCount]!;
}

function addChoice(row: Float64Array, fewer: Float64Array, rank: number, share: number): void {
  for (let sum = 0; sum < row.length; sum++) {
    const withRank = sum >= rank ? fewer[sum - rank]! : 0;
    row[sum] = row[sum]! * (1 - share) + withRank * share;
  }
}
