/** Distribution of a rank statistic where both sides are the same: whole numbers from 0 up. */
export interface NullDistribution {
  /** Probability of at most so much. */
  atMost(value: number): number;
  /** Probability of at least so much. */
  atLeast(value: number): number;
}

/** From the probability of each value, beginning with 0; they add up to 1. */
export function nullDistribution(probabilities: Float64Array): NullDistribution {
  const below = new Float64Array(probabilities.length + 1);
  // Both tails are summed from their own end, so that a small one keeps its digits.
  const above = new Float64Array(probabilities.length + 1);
  for (let value = 0; value < probabilities.length; value++) {
    below[value + 1] = below[value]! + probabilities[value]!;
  }
  for (let value = probabilities.length - 1; value >= 0; value--) {
    above[value] = above[value + 1]! + probabilities[value]!;
  }
  const last = probabilities.length;
  return {
    atMost: (value) => (value < 0 ? 0 : Math.min(1, below[Math.min(Math.floor(value) + 1, last)]!)),
    atLeast: (value) =>
      value > last ? 0 : Math.min(1, above[Math.max(0, Math.min(Math.ceil(value), last))]!),
  };
}
