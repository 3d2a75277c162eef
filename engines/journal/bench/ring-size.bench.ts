import { createRandom, type LatencySummary } from '../../../harness/contract/index.ts';
import type { Benchmark, BenchmarkRow } from '../../../harness/measure/benchmark.ts';
import {
  createLatencyHistogram,
  mergeLatencySummaries,
} from '../../../harness/measure/latency-histogram.ts';
import { spreadOf } from '../../../harness/measure/paired-runs.ts';
import type { JournalOptions } from '../config.ts';
import type { Journal } from '../journal.ts';
import { blockOf, driveGeometry, formattedTwin, open } from '../twin.fixture.ts';

const mebibyte = 2 ** 20;
const sizes = {
  full: { rings: [32, 64, 128, 256, 512, 1024, 2048, 4096], writes: 1600, seeds: 9 },
  smoke: { rings: [32, 256], writes: 64, seeds: 1 },
} as const;

const writers = 32;
const dataBlocks = 2048;

/**
 * What a ring that is too small does to its writers (REQUIREMENTS B13): the same burst of writes on
 * the simulated drive, over rings of different sizes. A write takes two pages; a ring that the burst
 * does not fill never makes a writer wait for the destage. The time is the drive's modelled time, the
 * same on every machine: the shape is what counts.
 */
const ringSize: Benchmark = {
  name: 'journal: latency of a burst of 4096-byte writes by the size of the ring, in modelled time',
  run: async (size) => {
    const { rings, writes, seeds } = sizes[size];
    const rows: BenchmarkRow[] = [];
    for (const ringPages of rings) rows.push(await burstRow(ringPages, writes, seeds));
    return rows;
  },
};

/** Over several drives, because one request in 64 is slow, and which one differs from seed to seed. */
async function burstRow(ringPages: number, writes: number, seeds: number): Promise<BenchmarkRow> {
  const runs: Burst[] = [];
  for (let seed = 1; seed <= seeds; seed++) runs.push(await runBurst(ringPages, writes, seed));
  const { p50Ns, p90Ns, p99Ns, maxNs } = mergeLatencySummaries(runs.map(({ latency }) => latency))!;
  const took = spreadOf(runs.map(({ tookNs }) => tookNs / 1e6));
  return {
    what: `ring of ${ringPages} pages, filled ${((2 * writes) / ringPages).toFixed(1)} times: p90`,
    value: p90Ns / 1000,
    unit: 'µs',
    note:
      `p50 ${micros(p50Ns)}, p99 ${micros(p99Ns)}, longest ${micros(maxNs)}; ` +
      `${writes} writes of ${writers} writers in ${took.median.toFixed(1)} ms, median of ${seeds}`,
  };
}

interface Burst {
  readonly latency: LatencySummary;
  readonly tookNs: number;
}

async function runBurst(ringPages: number, writes: number, seed: number): Promise<Burst> {
  const options: JournalOptions = { ringPages, dataBlocks, durability: 'fua' };
  const geometry = driveGeometry({ capacityBlocks: (48 * mebibyte) / 4096 });
  const twin = await formattedTwin(geometry, options, seed);
  const journal = await open(twin, options);
  using latency = createLatencyHistogram('virtual');
  const startedNs = twin.timeline.now();
  await burst(journal, writes, async (write) => {
    const invokedNs = twin.timeline.now();
    await write();
    latency.record(twin.timeline.now() - invokedNs);
  });
  return { latency: latency.summary()!, tookNs: twin.timeline.now() - startedNs };
}

/** Each writer waits for its acknowledgement before its next write; blocks are drawn uniformly. */
async function burst(
  journal: Journal,
  writes: number,
  timed: (write: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const random = createRandom(1).fork('blocks');
  let left = writes;
  const writer = async (): Promise<void> => {
    while (left-- > 0) {
      const block = random.below(dataBlocks);
      await timed(() => journal.write(block, blockOf(block, left)));
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
}

function micros(ns: number): string {
  return `${(ns / 1000).toFixed(0)} µs`;
}

export default ringSize;
