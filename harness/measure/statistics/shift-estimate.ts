import type { NullDistribution } from './null-distribution.ts';
import { medianOfAscending } from './ascending.ts';

/** How far one side lies from the other, by the order of the values alone. */
export interface ShiftEstimate {
  /** Hodges and Lehmann's estimate: the median of what the bounds are taken from. */
  readonly estimate: number;
  /** The shift is not below it, at the level of one side; -Infinity where there are too few values. */
  readonly lower: number;
  /** The shift is not above it, at the level of one side; Infinity where there are too few values. */
  readonly upper: number;
  /** Probability of each bound, exactly; at least what was asked for, 1 where there is no bound. */
  readonly confidenceOfEach: number;
}

/**
 * Turns a test into bounds: the order statistics of the candidates (Walsh averages, or differences)
 * between which the test would not reject the shift. Exact, and on the safe side where values are equal.
 */
export function boundsFrom(
  candidates: Float64Array,
  distribution: NullDistribution,
  alphaOfEach: number,
): ShiftEstimate {
  const estimate = medianOfAscending(candidates);
  // P(statistic ≤ rank - 1) is the probability that the rank-th candidate lies above the shift.
  let rank = 0;
  while (distribution.atMost(rank) <= alphaOfEach) rank++;
  if (rank === 0) return { estimate, lower: -Infinity, upper: Infinity, confidenceOfEach: 1 };
  return {
    estimate,
    lower: candidates[rank - 1]!,
    upper: candidates[candidates.length - rank]!,
    confidenceOfEach: 1 - distribution.atMost(rank - 1),
  };
}
