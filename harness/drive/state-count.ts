/** Numbers up to this are exact as doubles. */
const exactMax = 2 ** 53;

/**
 * A number of crash states: exact while a double holds it exactly, else by its logarithm.
 */
export class StateCount {
  /** Infinity where it is more than a double holds exactly. */
  readonly value: number;
  readonly log10: number;

  private constructor(value: number, log10: number) {
    this.value = value;
    this.log10 = log10;
  }

  static product(factors: readonly number[]): StateCount {
    return StateCount.difference(factors, [0]);
  }

  /** The product of the first less the product of the second, of which each factor is the smaller. */
  static difference(factors: readonly number[], less: readonly number[]): StateCount {
    const value = multiply(factors);
    if (value <= exactMax) {
      const rest = value - multiply(less);
      return new StateCount(rest, Math.log10(rest));
    }
    const all = sumOfLogs(factors);
    const ratio = 10 ** (sumOfLogs(less) - all);
    return new StateCount(Infinity, all + Math.log10(1 - ratio));
  }
}

/** Log10 of the sum of the counts. */
export function logSum(counts: readonly StateCount[]): number {
  const sum = counts.reduce((total, count) => total + count.value, 0);
  if (sum <= exactMax) return Math.log10(sum);
  const most = counts.reduce((max, { log10 }) => Math.max(max, log10), -Infinity);
  const scaled = counts.reduce((total, { log10 }) => total + 10 ** (log10 - most), 0);
  return most + Math.log10(scaled);
}

function multiply(factors: readonly number[]): number {
  return factors.reduce((product, factor) => product * factor, 1);
}

function sumOfLogs(factors: readonly number[]): number {
  return factors.reduce((sum, factor) => sum + Math.log10(factor), 0);
}
