/** How a rate varied while it was measured. */
export interface RateSamples {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly deviation: number;
  readonly count: number;
}

/**
 * A series of counts in buckets, as rates a second in the intervals that fio averages over. The part of
 * an interval at the end is left out; all 0 where nothing is left, as fio has it.
 */
export function rateSamplesOf(
  counts: ArrayLike<number>,
  bucketNs: number,
  intervalNs = fioIntervalNs,
): RateSamples {
  const perSample = Math.max(1, Math.round(intervalNs / bucketNs));
  const count = Math.floor(counts.length / perSample);
  const seconds = (perSample * bucketNs) / 1e9;
  const rates = Array.from({ length: count }, (_, sample) => {
    let sum = 0;
    for (let at = 0; at < perSample; at++) sum += counts[sample * perSample + at]!;
    return sum / seconds;
  });
  if (count === 0) return { min: 0, max: 0, mean: 0, deviation: 0, count: 0 };
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / count;
  const squares = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0);
  return {
    min: Math.min(...rates),
    max: Math.max(...rates),
    mean,
    deviation: count < 2 ? 0 : Math.sqrt(squares / (count - 1)),
    count,
  };
}

/** `bwavgtime` and `iopsavgtime` of fio. */
const fioIntervalNs = 500e6;
