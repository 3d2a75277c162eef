import type { Benchmark, BenchmarkRow, BenchmarkSize } from '../../measure/benchmark.ts';
import { jobWith } from '../job-file/reading.fixture.ts';
import { createOpChunk } from './op-chunk.ts';
import { createPlan } from './plan.ts';

/** Jobs over 64 GiB, which have millions of blocks, with the bar in operations a second. */
const jobs = [
  { what: 'uniform, no random map', options: ['rw=randwrite', 'norandommap'], bar: 20e6 },
  { what: 'uniform, random map', options: ['rw=randwrite'], bar: 20e6 },
  { what: 'zipf 1.2', options: ['rw=randwrite', 'random_distribution=zipf:1.2'], bar: 5e6 },
  { what: 'pareto 0.2', options: ['rw=randwrite', 'random_distribution=pareto:0.2'] },
  { what: 'normal 20', options: ['rw=randwrite', 'random_distribution=normal:20'] },
  { what: 'zoned', options: ['rw=randwrite', 'random_distribution=zoned:80/20:20/80'] },
  { what: 'read and write mixed, fsync=32', options: ['rw=randrw', 'norandommap', 'fsync=32'] },
  { what: 'bssplit, random map', options: ['rw=randwrite', 'bssplit=4k/70:16k/30'] },
  { what: 'sequential', options: ['rw=write'] },
] as const;

const chunkOps = 4096;
const rounds = 5;

/** How many operations one core generates in a second of its time. */
const planBenchmark: Benchmark = {
  name: 'the sequence of a fio job, on one core',
  run: async (size) => jobs.map((job) => rowOf(job, size)),
};

function rowOf(job: (typeof jobs)[number], size: BenchmarkSize): BenchmarkRow {
  const rates: number[] = [];
  for (let round = 0; round < (size === 'smoke' ? 1 : rounds); round++) {
    rates.push(rateOf(job.options, size === 'smoke' ? 10_000 : 8_000_000));
  }
  rates.sort((one, other) => one - other);
  const value = rates[rates.length >> 1]!;
  const row = { what: job.what, value: value / 1e6, unit: 'M ops/s' };
  if (!('bar' in job)) return row;
  const verdict = value >= job.bar ? 'met' : 'missed';
  const expected = `at least ${job.bar / 1e6}`;
  return { ...row, bar: { expected, verdict } };
}

function rateOf(options: readonly string[], opsMax: number): number {
  const job = jobWith('bs=4k', 'size=64g', 'time_based', 'runtime=1', ...options);
  const plan = createPlan(job, 1);
  const chunk = createOpChunk(chunkOps);
  // Time of the processor, so that a busy machine does not slow the generator down.
  const begun = process.cpuUsage();
  let ops = 0;
  while (ops < opsMax) ops += plan.fill(chunk);
  const { user, system } = process.cpuUsage(begun);
  return (ops / (user + system)) * 1e6;
}

export default planBenchmark;
