import type { FlushIntervalCoverage } from '../../harness/contract/index.ts';

/** Neighbouring flush intervals taken together, so that a long run still fits a chart. */
export interface CoverageBucket {
  readonly first: FlushIntervalCoverage;
  readonly intervals: number;
  readonly checked: number;
  readonly legalLog10: number;
}

export function bucketCoverage(
  coverage: readonly FlushIntervalCoverage[],
  bucketsMax: number,
): readonly CoverageBucket[] {
  const size = Math.max(1, Math.ceil(coverage.length / bucketsMax));
  const buckets: CoverageBucket[] = [];
  for (let start = 0; start < coverage.length; start += size) {
    const members = coverage.slice(start, start + size);
    buckets.push({
      first: members[0]!,
      intervals: members.length,
      checked: members.reduce((sum, { checked }) => sum + checked, 0),
      legalLog10: log10OfSum(members.map(({ legalLog10 }) => legalLog10)),
    });
  }
  return buckets;
}

export interface CoverageTotals {
  readonly intervals: number;
  readonly checked: number;
  readonly legalLog10: number;
  /** Intervals of which every legal state was checked. */
  readonly exhausted: number;
  readonly untouched: number;
}

export function totalCoverage(coverage: readonly FlushIntervalCoverage[]): CoverageTotals {
  return {
    intervals: coverage.length,
    checked: coverage.reduce((sum, { checked }) => sum + checked, 0),
    legalLog10: log10OfSum(coverage.map(({ legalLog10 }) => legalLog10)),
    exhausted: coverage.filter(isExhausted).length,
    untouched: coverage.filter(({ checked }) => checked === 0).length,
  };
}

/** The slack is for the rounding of the logarithm. */
function isExhausted({ checked, legalLog10 }: FlushIntervalCoverage): boolean {
  return checked > 0 && Math.log10(checked) >= legalLog10 - 1e-9;
}

/** Sums numbers given by their logarithms, which may be more than a double holds. */
function log10OfSum(log10s: readonly number[]): number {
  // Not Math.max(...): a long run has more intervals than a call may have arguments.
  const largest = log10s.reduce((most, log10) => Math.max(most, log10), -Infinity);
  if (!Number.isFinite(largest)) return largest;
  return largest + Math.log10(log10s.reduce((sum, log10) => sum + 10 ** (log10 - largest), 0));
}
