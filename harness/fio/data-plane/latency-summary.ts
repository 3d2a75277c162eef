import type { LatencySummary } from '../../contract/index.ts';
import { summariseCounts } from '../../measure/latency-histogram.ts';
import { bucketValueNs, type LatencyRecord } from './latency-buckets.ts';

/**
 * The record as the other reports of the project have latencies, within the error of its buckets.
 * Undefined where nothing was recorded.
 */
export function latencySummaryOf({ buckets, maxNs }: LatencyRecord): LatencySummary | undefined {
  return summariseCounts(countsOf(buckets), maxNs, 'real');
}

function* countsOf(buckets: Uint32Array): Generator<readonly [number, number]> {
  for (const [bucket, count] of buckets.entries()) {
    if (count > 0) yield [bucketValueNs(bucket), count];
  }
}
