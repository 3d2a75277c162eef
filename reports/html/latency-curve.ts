import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import type { LatencySummary } from '../../harness/contract/index.ts';

export interface CurvePoint {
  /** Number of nines: 1 is 90 %, 2 is 99 %, 0 the least value. */
  readonly nines: number;
  readonly latencyNs: number;
  /** Whether enough samples lie beyond the point for it to mean something. */
  readonly isSound: boolean;
}

export interface LatencyCurve {
  readonly points: readonly CurvePoint[];
  /** Whether the histogram could be read; if not, the curve has only the summary's percentiles. */
  readonly isComplete: boolean;
}

/** With fewer samples than this beyond a percentile, one outlier moves it. */
const samplesBeyondMin = 10;
const pointsPerNine = 12;

export function percentOf(nines: number): number {
  return 100 * (1 - 10 ** -nines);
}

export function isSound(count: number, nines: number): boolean {
  // The slack is for the rounding of 10 ** -nines.
  return count * 10 ** -nines >= samplesBeyondMin * (1 - 1e-9);
}

/** Points up to the one sample in `count`, the largest value last. */
export function latencyCurve(summary: LatencySummary): LatencyCurve {
  const last = Math.log10(Math.max(1, summary.count));
  const steps = Math.max(1, Math.round(last * pointsPerNine));
  const valueAt = readHistogram(summary);
  if (valueAt === undefined) return { points: knownPoints(summary, last), isComplete: false };
  const points = Array.from({ length: steps }, (_, step) => {
    const nines = (last * step) / steps;
    const latencyNs = Math.min(valueAt(percentOf(nines)), summary.maxNs);
    return { nines, latencyNs, isSound: isSound(summary.count, nines) };
  });
  return { points: [...points, maximum(summary, last)], isComplete: true };
}

function readHistogram(summary: LatencySummary): ((percent: number) => number) | undefined {
  try {
    const histogram = decodeFromCompressedBase64(summary.histogram);
    if (histogram.totalCount !== summary.count) return undefined;
    return (percent) => histogram.getValueAtPercentile(percent);
  } catch {
    return undefined;
  }
}

function knownPoints(summary: LatencySummary, last: number): readonly CurvePoint[] {
  const known = [
    [Math.log10(2), summary.p50Ns],
    [1, summary.p90Ns],
    [2, summary.p99Ns],
    [3, summary.p999Ns],
  ] as const;
  const points = known
    .filter(([nines]) => nines < last)
    .map(([nines, latencyNs]) => ({ nines, latencyNs, isSound: isSound(summary.count, nines) }));
  return [...points, maximum(summary, last)];
}

function maximum(summary: LatencySummary, last: number): CurvePoint {
  return { nines: last, latencyNs: summary.maxNs, isSound: false };
}
