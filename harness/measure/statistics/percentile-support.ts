import { gateConstants } from './gate-constants.ts';

/** Samples without which a percentile says nothing: p99 from 10,000, p99.9 from 100,000. */
export function samplesFor(percent: number): number {
  const thinnerSide = Math.min(percent, 100 - percent);
  return thinnerSide <= 0
    ? Infinity
    : Math.round((100 * gateConstants.tailSamplesMin) / thinnerSide);
}

export function isSupported(percent: number, sampleCount: number): boolean {
  return sampleCount >= samplesFor(percent);
}
