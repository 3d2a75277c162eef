import assert from 'node:assert/strict';
import { ascending } from './ascending.ts';
import { doubledMidranks } from './midranks.ts';
import { nullDistribution, type NullDistribution } from './null-distribution.ts';
import { boundsFrom, type ShiftEstimate } from './shift-estimate.ts';

/** More pairs than that are not runs but samples within runs, which are not independent. */
export const pairsMax = 200;

/**
 * Wilcoxon's signed-rank test, turned into an estimate with bounds (Hodges and Lehmann 1963; Hollander,
 * Wolfe and Chicken, Nonparametric Statistical Methods, 3.1-3.3): the median of all means of two
 * differences, and the order statistics of these means that the exact null distribution picks.
 * `alphaOfEach` is the probability that one bound is wrong. Throws for no, or too many, differences.
 */
export function signedRankEstimate(
  differences: readonly number[],
  alphaOfEach: number,
): ShiftEstimate {
  checkDifferences(differences);
  return boundsFrom(
    walshAverages(differences),
    signedRankDistribution(differences.length),
    alphaOfEach,
  );
}

/**
 * Exact probability, where the differences were as likely negative as positive, of a rank sum of the
 * positive ones as large as this. Zeros are left out; equal sizes share their ranks.
 */
export function signedRankPValue(differences: readonly number[]): number {
  checkDifferences(differences);
  const nonzero = differences.filter((difference) => difference !== 0);
  if (nonzero.length === 0) return 1;
  const ranks = doubledMidranks(nonzero.map(Math.abs));
  const statistic = ranks.reduce((sum, rank, at) => (nonzero[at]! > 0 ? sum + rank : sum), 0);
  return distributionOfSums(ranks).atLeast(statistic);
}

function checkDifferences(differences: readonly number[]): void {
  assert(differences.length > 0, 'no differences');
  assert(differences.length <= pairsMax, `more than ${pairsMax} differences`);
  assert(differences.every(Number.isFinite), 'a difference is no finite number');
}

/** Means of each difference with itself and with every later one, in ascending order. */
function walshAverages(differences: readonly number[]): Float64Array {
  const averages = new Float64Array((differences.length * (differences.length + 1)) / 2);
  let at = 0;
  for (let one = 0; one < differences.length; one++) {
    for (let other = one; other < differences.length; other++) {
      averages[at++] = (differences[one]! + differences[other]!) / 2;
    }
  }
  return ascending(averages);
}

function signedRankDistribution(count: number): NullDistribution {
  return distributionOfSums(Array.from({ length: count }, (_, index) => index + 1));
}

/** Of the sum of the ranks, each of which is in it or not, both equally likely. */
function distributionOfSums(ranks: readonly number[]): NullDistribution {
  const most = ranks.reduce((sum, rank) => sum + rank, 0);
  const probabilities = new Float64Array(most + 1);
  probabilities[0] = 1;
  let reached = 0;
  for (const rank of ranks) {
    reached += rank;
    for (let sum = reached; sum >= 0; sum--) {
      const without = probabilities[sum]!;
      const withRank = sum >= rank ? probabilities[sum - rank]! : 0;
      probabilities[sum] = (without + withRank) / 2;
    }
  }
  return nullDistribution(probabilities);
}
