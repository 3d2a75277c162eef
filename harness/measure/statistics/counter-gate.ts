import type { Better, ComparisonVerdict } from './comparison-verdict.ts';

export interface CounterComparison {
  readonly verdict: ComparisonVerdict;
  /** Candidate over reference; undefined where the reference is 0. */
  readonly ratio: number | undefined;
}

/**
 * Counters of bytes, flushes and requests hardly vary, so that a change beyond the tolerance (a part
 * of the reference) is a change. Each side's value is that of all its runs together.
 */
export function compareCounters(
  reference: number,
  candidate: number,
  better: Better,
  tolerance: number,
): CounterComparison {
  const ratio = reference === 0 ? undefined : candidate / reference;
  const change = candidate - reference;
  if (Math.abs(change) <= tolerance * Math.abs(reference)) {
    return { verdict: 'no difference', ratio };
  }
  return { verdict: change > 0 === (better === 'higher') ? 'better' : 'worse', ratio };
}
