import assert from 'node:assert/strict';

export interface DurabilityGate {
  readonly passed: boolean;
  readonly cuts: number;
  readonly failedCuts: number;
  /**
   * Probability that a cut loses something, at most, with 95 % confidence; only where none of the cuts
   * did. About 3 / cuts.
   */
  readonly failureProbabilityMax: number | undefined;
}

/** One cut that lost something is enough. Cuts count where each had a chance of its own to fail. */
export function durabilityGate(cuts: number, failedCuts: number): DurabilityGate {
  assert(cuts >= 0 && failedCuts <= cuts, 'more cuts failed than there were');
  const bound = cuts === 0 ? 1 : 1 - 0.05 ** (1 / cuts);
  return {
    passed: failedCuts === 0,
    cuts,
    failedCuts,
    failureProbabilityMax: failedCuts === 0 ? bound : undefined,
  };
}
