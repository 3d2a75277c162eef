import assert from 'node:assert/strict';

/**
 * Steady state after SNIA's Solid State Storage Performance Test Specification: within a window of five
 * rounds, the values differ by no more than 20 % of their average, and the line fitted to them rises or
 * falls by no more than 10 % of it from end to end.
 */
export const steadyStateRule = {
  windowRounds: 5,
  excursionMax: 0.2,
  slopeMax: 0.1,
  /** Rounds after which the specification gives up. */
  roundsMax: 25,
} as const;

export interface SteadyWindow {
  /** Last round of the window, from 0. */
  readonly lastRound: number;
  readonly average: number;
  /** Largest minus least, as a part of the average. */
  readonly excursion: number;
  /** Rise or fall of the fitted line from the first to the last round, as a part of the average. */
  readonly slope: number;
}

export interface SteadyState {
  readonly attained: boolean;
  /** The first window that keeps the rule, or else the last one; undefined for too few rounds. */
  readonly window: SteadyWindow | undefined;
  readonly rounds: number;
}

/** Looks at the rounds in order, as the specification does while they are made. */
export function steadyStateOf(rounds: readonly number[]): SteadyState {
  const { windowRounds, roundsMax } = steadyStateRule;
  let window: SteadyWindow | undefined;
  const last = Math.min(rounds.length, roundsMax);
  for (let end = windowRounds; end <= last; end++) {
    window = windowOf(rounds.slice(end - windowRounds, end), end - 1);
    if (isSteady(window)) return { attained: true, window, rounds: end };
  }
  return { attained: false, window, rounds: last };
}

function isSteady({ average, excursion, slope }: SteadyWindow): boolean {
  return (
    average > 0 && excursion <= steadyStateRule.excursionMax && slope <= steadyStateRule.slopeMax
  );
}

function windowOf(values: readonly number[], lastRound: number): SteadyWindow {
  const average = meanOf(values);
  if (average <= 0) return { lastRound, average, excursion: Infinity, slope: Infinity };
  return {
    lastRound,
    average,
    excursion: (Math.max(...values) - Math.min(...values)) / average,
    slope: Math.abs(slopeOf(values) * (values.length - 1)) / average,
  };
}

/** Change from one value to the next of the line that fits best by least squares. */
export function slopeOf(values: readonly number[]): number {
  assert(values.length > 1, 'a line needs two values');
  const middle = (values.length - 1) / 2;
  const average = meanOf(values);
  let product = 0;
  let square = 0;
  for (const [at, value] of values.entries()) {
    product += (at - middle) * (value - average);
    square += (at - middle) ** 2;
  }
  return product / square;
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** A rate over less says more of the machine's scheduler than of the drive. */
const roundNsMin = 1e9;

/**
 * The values of a time series, in rounds of the same number of buckets: as long as makes the most rounds
 * of the rule, and a second at the least. A part of a round at the end is left out. Empty where the
 * series is shorter than a window.
 */
export function roundsOfSeries(buckets: ArrayLike<number>, bucketNs: number): readonly number[] {
  const perRound = Math.max(
    Math.ceil(roundNsMin / bucketNs),
    Math.floor(buckets.length / steadyStateRule.roundsMax),
  );
  const count = Math.min(Math.floor(buckets.length / perRound), steadyStateRule.roundsMax);
  if (count < steadyStateRule.windowRounds) return [];
  return Array.from({ length: count }, (_, round) => {
    let sum = 0;
    for (let at = 0; at < perRound; at++) sum += buckets[round * perRound + at]!;
    return sum / perRound;
  });
}
