import type { Better, ComparisonVerdict } from './comparison-verdict.ts';
import { alphaOfLook } from './gate-constants.ts';
import { rankSumEstimate, rankSumPValue } from './rank-sum.ts';
import type { ShiftEstimate } from './shift-estimate.ts';
import { signedRankEstimate, signedRankPValue } from './signed-rank.ts';

/** Values of one metric, one for each run; the n-th of both sides is a pair where they are paired. */
export interface TimingSamples {
  readonly reference: readonly number[];
  readonly candidate: readonly number[];
  readonly arePaired: boolean;
  readonly better: Better;
  /** Least relevant change, as a part of the value. */
  readonly relevantChange: number;
}

export interface TimingComparison {
  readonly verdict: ComparisonVerdict;
  /** Candidate over reference, with its bounds; undefined where nothing could be computed. */
  readonly ratio: RatioInterval | undefined;
  /** That the candidate is no worse; exact. */
  readonly pWorse: number | undefined;
  readonly pBetter: number | undefined;
  /** Why there is no verdict; empty otherwise. */
  readonly note: string;
}

export interface RatioInterval {
  readonly estimate: number;
  /** 0 and Infinity stand for no bound. */
  readonly lower: number;
  readonly upper: number;
  readonly confidenceOfEach: number;
}

/**
 * Sets two sides against each other on the scale of ratios, by ranks alone: no normal distribution is
 * assumed, and no random number is drawn. `worse` needs both the estimate at or beyond the least
 * relevant change, and a bound that excludes no change at all.
 */
export function compareTimings(samples: TimingSamples, alpha = alphaOfLook): TimingComparison {
  const problem = problemOf(samples);
  if (problem !== undefined) return without('invalid', problem);
  const { shift, pOfRise, pOfFall } = riseOf(samples, alpha);
  const isRiseGood = samples.better === 'higher';
  const verdict = decide(isRiseGood ? negated(shift) : shift, samples.relevantChange);
  return {
    verdict,
    ratio: ratioOf(shift),
    pWorse: isRiseGood ? pOfFall : pOfRise,
    pBetter: isRiseGood ? pOfRise : pOfFall,
    note: verdict === 'inconclusive' ? noteOf(samples, shift, alpha) : '',
  };
}

/** How far the candidate lies above the reference, in logarithms. */
function riseOf(
  { reference, candidate, arePaired }: TimingSamples,
  alpha: number,
): { readonly shift: ShiftEstimate; readonly pOfRise: number; readonly pOfFall: number } {
  const ones = reference.map(Math.log);
  const others = candidate.map(Math.log);
  if (!arePaired) {
    return {
      shift: rankSumEstimate(ones, others, alpha),
      pOfRise: rankSumPValue(ones, others),
      pOfFall: rankSumPValue(others, ones),
    };
  }
  const rises = others.map((value, at) => value - ones[at]!);
  return {
    shift: signedRankEstimate(rises, alpha),
    pOfRise: signedRankPValue(rises),
    pOfFall: signedRankPValue(rises.map((rise) => -rise)),
  };
}

/** `worsening`: by how much the candidate is worse, in logarithms. */
export function decide(worsening: ShiftEstimate, relevantChange: number): ComparisonVerdict {
  const relevant = Math.log1p(relevantChange);
  const { estimate, lower, upper } = worsening;
  if (estimate >= relevant && lower > 0) return 'worse';
  if (estimate <= -relevant && upper < 0) return 'better';
  if (upper >= relevant) return 'inconclusive';
  return lower > -relevant ? 'no difference' : 'not worse';
}

/** Least number of pairs, or of runs of each side, for which there are bounds at all. */
export function runsNeeded(arePaired: boolean, alpha = alphaOfLook): number {
  let count = 1;
  const best = (): number => (arePaired ? 0.5 ** count : 1 / waysToChoose(2 * count, count));
  while (best() > alpha) count++;
  return count;
}

function waysToChoose(count: number, chosen: number): number {
  let ways = 1;
  for (let at = 1; at <= chosen; at++) ways = (ways * (count - chosen + at)) / at;
  return ways;
}

function problemOf({ reference, candidate, arePaired }: TimingSamples): string | undefined {
  if (reference.length === 0 || candidate.length === 0) return 'one side has no value';
  if (arePaired && reference.length !== candidate.length) return 'a run without its pair';
  const isPositive = (value: number): boolean => Number.isFinite(value) && value > 0;
  return [...reference, ...candidate].every(isPositive)
    ? undefined
    : 'a value is not above 0, so there is no ratio';
}

function without(verdict: ComparisonVerdict, note: string): TimingComparison {
  return { verdict, ratio: undefined, pWorse: undefined, pBetter: undefined, note };
}

function ratioOf({ estimate, lower, upper, confidenceOfEach }: ShiftEstimate): RatioInterval {
  return {
    estimate: Math.exp(estimate),
    lower: Math.exp(lower),
    upper: Math.exp(upper),
    confidenceOfEach,
  };
}

function negated({ estimate, lower, upper, confidenceOfEach }: ShiftEstimate): ShiftEstimate {
  return { estimate: -estimate, lower: -upper, upper: -lower, confidenceOfEach };
}

function noteOf(
  { reference, candidate, arePaired, relevantChange }: TimingSamples,
  { lower, upper }: ShiftEstimate,
  alpha: number,
): string {
  const least = runsNeeded(arePaired, alpha);
  if (Number.isFinite(lower)) {
    const width = Math.expm1((upper - lower) / 2) * 100;
    return `changes below about ${Number(width.toPrecision(2))} % cannot be seen here, ${Number((relevantChange * 100).toPrecision(2))} % matter`;
  }
  const have = arePaired
    ? `${reference.length} pairs`
    : `${reference.length} and ${candidate.length} runs`;
  const need = arePaired ? `${least} pairs` : `${least} runs of each side`;
  return `${have} are too few for a bound, at least ${need} are needed`;
}
