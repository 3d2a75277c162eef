import assert from 'node:assert/strict';
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  initWebAssemblySync,
  type Histogram,
} from 'hdr-histogram-js';
import type { LatencySummary } from '../contract/index.ts';

/** Which time the recorded latencies were taken in; a summary never mixes the two. */
export type LatencyClock = LatencySummary['clock'];

/** 2^42 ns is 73 minutes. A longer latency counts here, and `maxNs` still says how long it was. */
const trackedNsMax = 2 ** 42;
const significantDigits = 3;
const countBits = 32;

/**
 * Collects latencies in nanoseconds to three significant digits. It holds WebAssembly memory that no
 * garbage collector frees: dispose of it.
 */
export interface LatencyHistogram extends Disposable {
  readonly clock: LatencyClock;
  readonly count: number;
  /** `latencyNs` is at least 0; fractions of a nanosecond are dropped. Allocates nothing. */
  record(latencyNs: number): void;
  /** Undefined when nothing was recorded: a latency of 0 would be invented. */
  summary(): LatencySummary | undefined;
}

/** About 20 ns a record in WebAssembly, 160 ns where that does not load. */
export function createLatencyHistogram(clock: LatencyClock): LatencyHistogram {
  return new HdrLatencyHistogram(clock, buildHistogram({ useWebAssembly: loadWebAssembly() }));
}

/**
 * Adds the histograms of several runs, so that percentiles are of all their samples and never
 * averages of percentiles. Undefined for no summaries. Throws where virtual and real time would be
 * mixed, or where an encoding is damaged.
 */
export function mergeLatencySummaries(
  summaries: readonly LatencySummary[],
): LatencySummary | undefined {
  const first = summaries[0];
  if (first === undefined) return undefined;
  assert(
    summaries.every((summary) => summary.clock === first.clock),
    'latencies in virtual and in real time cannot be added',
  );
  const sum = buildHistogram({ useWebAssembly: false });
  for (const summary of summaries) {
    sum.add(decodeFromCompressedBase64(summary.histogram, countBits, false));
  }
  // An encoding rounds its largest value up; the summaries kept it exactly.
  const maxNs = Math.max(...summaries.map((summary) => summary.maxNs));
  return summarise(sum, first.clock, maxNs);
}

/**
 * The summary of latencies that were counted elsewhere: pairs of a latency in whole nanoseconds and how
 * often it occurred. Undefined where nothing was counted.
 */
export function summariseCounts(
  counts: Iterable<readonly [latencyNs: number, count: number]>,
  maxNs: number,
  clock: LatencyClock,
): LatencySummary | undefined {
  const histogram = buildHistogram({ useWebAssembly: false });
  for (const [latencyNs, count] of counts) {
    histogram.recordValueWithCount(Math.min(latencyNs, trackedNsMax - 1), count);
  }
  return histogram.totalCount === 0 ? undefined : summarise(histogram, clock, maxNs);
}

class HdrLatencyHistogram implements LatencyHistogram {
  readonly clock: LatencyClock;
  readonly #histogram: Histogram;
  #count = 0;
  #maxNs = 0;
  #disposed = false;

  constructor(clock: LatencyClock, histogram: Histogram) {
    this.clock = clock;
    this.#histogram = histogram;
  }

  get count(): number {
    return this.#count;
  }

  record(latencyNs: number): void {
    if (!(latencyNs >= 0)) throw new RangeError(`a latency cannot be ${latencyNs} ns`);
    const wholeNs = Math.floor(latencyNs);
    this.#histogram.recordValue(wholeNs < trackedNsMax ? wholeNs : trackedNsMax - 1);
    this.#count++;
    if (wholeNs > this.#maxNs) this.#maxNs = wholeNs;
  }

  summary(): LatencySummary | undefined {
    assert(!this.#disposed, 'the histogram was disposed of');
    return this.#count === 0 ? undefined : summarise(this.#histogram, this.clock, this.#maxNs);
  }

  [Symbol.dispose](): void {
    if (!this.#disposed) this.#histogram.destroy();
    this.#disposed = true;
  }
}

function summarise(histogram: Histogram, clock: LatencyClock, maxNs: number): LatencySummary {
  // A bucket answers with its upper end, which can lie above the largest value recorded.
  const percentile = (percent: number): number =>
    Math.min(histogram.getValueAtPercentile(percent), maxNs);
  return {
    count: histogram.totalCount,
    p50Ns: percentile(50),
    p90Ns: percentile(90),
    p99Ns: percentile(99),
    p999Ns: percentile(99.9),
    maxNs,
    histogram: encodeIntoCompressedBase64(histogram),
    clock,
  };
}

function buildHistogram(options: { useWebAssembly: boolean }): Histogram {
  return build({
    bitBucketSize: countBits,
    autoResize: false,
    lowestDiscernibleValue: 1,
    highestTrackableValue: trackedNsMax,
    numberOfSignificantValueDigits: significantDigits,
    useWebAssembly: options.useWebAssembly,
  });
}

let webAssemblyLoaded: boolean | undefined;

/** Loading is synchronous, 30 kB, once a process. Without it the JavaScript version does. */
function loadWebAssembly(): boolean {
  if (webAssemblyLoaded === undefined) {
    try {
      initWebAssemblySync();
      webAssemblyLoaded = true;
    } catch {
      webAssemblyLoaded = false;
    }
  }
  return webAssemblyLoaded;
}
