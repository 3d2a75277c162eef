import { createRandom, type EngineCounters } from '../../../harness/contract/index.ts';
import {
  prepareCountedTarget,
  writtenBytesOf,
  type BenchTarget,
} from '../../../harness/measure/bench-target.fixture.ts';
import type { Benchmark, BenchmarkRow, BenchmarkSize } from '../../../harness/measure/benchmark.ts';
import { barOf } from '../../../harness/measure/paired-runs.ts';
import { countersBetween } from '../../../harness/measure/write-amplification.ts';
import { createZipf } from '../../../workloads/hot-spot/zipf.ts';
import type { JournalOptions } from '../config.ts';
import type { Journal } from '../journal.ts';
import { appendInBatches, untilClosed, writeBlocks } from './journal-load.fixture.ts';

const mebibyte = 1024 * 1024;
const sizes = {
  full: { ringPages: 4096, targetBytes: 128 * mebibyte, laps: 8, rounds: 500 },
  smoke: { ringPages: 256, targetBytes: 16 * mebibyte, laps: 1, rounds: 3 },
} as const;

const writers = 64;
/** The volume is that many times the ring. */
const volumeFactor = 4;
const exponent = 0.99;
/** Between what the engine says it wrote and what the kernel counted on the device. */
const countedWithin = 0.01;

/** Bytes written for each byte of the user, from the engine's own ledger and from the kernel's. */
const writeAmplification: Benchmark = {
  name: 'journal: write amplification, 4096-byte records and blocks',
  run: async (size, options = {}) => {
    await using target = await prepareCountedTarget(options.target, sizes[size].targetBytes);
    return [
      ...(await journalRows(target, size, 32)),
      ...(await volumeRows(target, size, 'Zipf 0.99', 1.6)),
      ...(await volumeRows(target, size, 'uniform', undefined)),
    ];
  },
};

/** Everything the log costs, where each batch has that many records. */
async function journalRows(
  target: BenchTarget,
  size: BenchmarkSize,
  batchRecords: number,
): Promise<BenchmarkRow[]> {
  const { ringPages, rounds } = sizes[size];
  const used = await measure(target, { ringPages, dataBlocks: 64 }, (journal) =>
    appendInBatches(journal, batchRecords, rounds),
  );
  const { journal = 0, padding = 0, watermark = 0 } = used.engine.writtenBytes;
  const value = (journal + padding + watermark) / used.engine.userBytes;
  return [
    {
      what: `journal, batches of ${batchRecords} records`,
      value,
      unit: 'times',
      bar: barOf(value, { atMost: 1.05 }),
      note: shareOf(used.engine),
    },
  ];
}

/** Everything a volume costs over many laps of the ring, the last destage included. */
async function volumeRows(
  target: BenchTarget,
  size: BenchmarkSize,
  distribution: 'Zipf 0.99' | 'uniform',
  barValue: number | undefined,
): Promise<BenchmarkRow[]> {
  const { ringPages, laps } = sizes[size];
  const dataBlocks = volumeFactor * ringPages;
  const nextBlock = blocksOf(distribution, dataBlocks);
  const used = await measure(target, { ringPages, dataBlocks }, (journal) =>
    writeBlocks(journal, writers, laps * ringPages, nextBlock),
  );
  const value = bytesOf(used.engine) / used.engine.userBytes;
  const name = `${distribution} over ${volumeFactor} times the ring`;
  return [
    {
      what: `journal and volume together, ${name}`,
      value,
      unit: 'times',
      ...(barValue === undefined ? {} : { bar: barOf(value, { atMost: barValue }) }),
      note: shareOf(used.engine),
    },
    ...reconciled(used, target, name),
  ];
}

interface Used {
  readonly engine: EngineCounters;
  /** As the kernel counts; undefined where the target shares its device with others. */
  readonly deviceBytes: number | undefined;
}

/** From the opened journal to the closed one: what is still in the ring at the end counts too. */
async function measure(
  target: BenchTarget,
  options: JournalOptions,
  work: (journal: Journal) => Promise<void>,
): Promise<Used> {
  const deviceBytes = (): number =>
    target.ownDevice === undefined ? 0 : writtenBytesOf(target.ownDevice);
  let deviceBefore = 0;
  let engineBefore: EngineCounters | undefined;
  const closed = await untilClosed(target, options, async (journal) => {
    engineBefore = journal.counters();
    deviceBefore = deviceBytes();
    await work(journal);
  });
  const engine = countersBetween(engineBefore!, closed.counters());
  const written = deviceBytes() - deviceBefore;
  return { engine, deviceBytes: target.ownDevice === undefined ? undefined : written };
}

function reconciled(
  { engine, deviceBytes }: Used,
  { kind }: BenchTarget,
  name: string,
): BenchmarkRow[] {
  if (deviceBytes === undefined) return [];
  const value = deviceBytes / bytesOf(engine);
  const isWithin = Math.abs(value - 1) <= countedWithin;
  return [
    {
      what: `bytes by the kernel's count for each of the engine's, ${name}`,
      value,
      unit: 'times',
      bar: { expected: 'within 1 %', verdict: isWithin ? 'met' : 'missed' },
      note: `${deviceBytes} of ${bytesOf(engine)} bytes on a ${kind}`,
    },
  ];
}

function blocksOf(distribution: 'Zipf 0.99' | 'uniform', dataBlocks: number): () => number {
  const random = createRandom(1).fork(distribution);
  if (distribution === 'uniform') return () => random.below(dataBlocks);
  const draw = createZipf(dataBlocks, exponent);
  return () => draw(random);
}

function bytesOf({ writtenBytes }: EngineCounters): number {
  return Object.values(writtenBytes).reduce((sum, byteCount) => sum + byteCount, 0);
}

/** `journal 1.03, padding 0.02`: the parts of the amplification, the largest first. */
function shareOf({ writtenBytes, userBytes }: EngineCounters): string {
  return Object.entries(writtenBytes)
    .filter(([, byteCount]) => byteCount > 0)
    .sort(([, left], [, right]) => right - left)
    .map(([purpose, byteCount]) => `${purpose} ${(byteCount / userBytes).toFixed(3)}`)
    .join(', ');
}

export default writeAmplification;
