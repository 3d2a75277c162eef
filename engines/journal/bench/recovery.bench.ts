import { rm, writeFile } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { createRandom } from '../../../harness/contract/index.ts';
import { prepareTarget, type BenchTarget } from '../../../harness/measure/bench-target.fixture.ts';
import type { Benchmark, BenchmarkRow } from '../../../harness/measure/benchmark.ts';
import { fioMissing, hasFio, runFio } from '../../../harness/measure/fio.ts';
import {
  pairsOfFullSize,
  rowOfPairs,
  spreadOf,
  type Pair,
} from '../../../harness/measure/paired-runs.ts';
import { createRealPlatform } from '../../../harness/rigs/real-platform.ts';
import type { JournalOptions } from '../config.ts';
import { formatJournal } from '../format-journal.ts';
import { pageSizes } from '../format/page.ts';
import { openJournal } from '../journal.ts';
import { payloadBytes, writeBlocks } from './journal-load.fixture.ts';

const mebibyte = 1024 * 1024;
const pageBytes = pageSizes[0];
/** The largest ring that the engine takes is the one to measure. */
const sizes = {
  full: { ringPages: 262_144, targetBytes: 3200 * mebibyte },
  smoke: { ringPages: 256, targetBytes: 16 * mebibyte },
} as const;
const writers = 256;
/** Part of the ring that is filled: beyond it the engine would begin to destage. */
const filledPart = 0.88;

interface CrashedJournal {
  /** What a recovery must write, in order and merged. */
  readonly extents: readonly Extent[];
  readonly ringOffset: number;
}

interface Extent {
  readonly byteOffset: number;
  readonly byteCount: number;
}

const recovery: Benchmark = {
  name: 'journal: recovery of a full ring, from opening to active',
  run: async (size, benchOptions = {}) => {
    const { ringPages, targetBytes } = sizes[size];
    await using target = await prepareTarget(benchOptions.target, targetBytes);
    const isCompared = size === 'full' && (await hasFio());
    const rounds: Round[] = [];
    for (let round = 0; round < (size === 'full' ? pairsOfFullSize : 1); round++) {
      const crashed = await crashFull(target, ringPages, round);
      const ours = await recoverySeconds(target, ringPages);
      const fio = isCompared ? await fioSeconds(target, ringPages, crashed) : undefined;
      rounds.push({ ours, passingBy: fio?.passingBy ?? 0, keeping: fio?.keeping ?? 0 });
    }
    const what = `recovery of a ring of ${(ringPages * pageBytes) / mebibyte} MiB`;
    if (isCompared) return comparedRows(what, rounds);
    return [aloneRow(what, rounds, size === 'smoke' ? 'not compared' : fioMissing)];
  },
};

/** Seconds. Ours, and fio's for reading the ring and writing the extents, in two ways. */
interface Round {
  readonly ours: number;
  /** Through 32 buffers of 1 MiB. */
  readonly passingBy: number;
  /** With a buffer for every 1 MiB of the ring: in memory of its size, as a recovery reads it. */
  readonly keeping: number;
}

const bound = { atMost: 1.3 };

/**
 * The bar, and what it is made of: memory for the ring that nobody has touched yet, which fio does
 * without, is most of what is above 1 where memory is dear. The second row is fio with that memory
 * against fio without, the third one a recovery against fio with it.
 */
function comparedRows(what: string, rounds: readonly Round[]): readonly BenchmarkRow[] {
  const row = (name: string, pairs: readonly Pair[], reading: string): BenchmarkRow =>
    rowOfPairs(pairs, {
      what: name,
      unit: 'times',
      compare: ({ ours, peer }) => ours / peer,
      bound,
      peer: `fio io_uring, seconds: the ring read by 1 MiB ${reading}, then the same extents written at depth 32`,
    });
  const withoutBar = ({ what: name, value, unit, note = '' }: BenchmarkRow): BenchmarkRow => ({
    what: name,
    value,
    unit,
    note,
  });
  const inMemory = 'of the time fio takes with memory for the whole ring';
  return [
    row(
      `${what}, of the time fio takes`,
      rounds.map(({ ours, passingBy }) => ({ ours, peer: passingBy })),
      'at depth 32',
    ),
    withoutBar(
      row(
        'fio itself with memory for the whole ring, of the time fio takes',
        rounds.map(({ keeping, passingBy }) => ({ ours: keeping, peer: passingBy })),
        'at depth 32',
      ),
    ),
    withoutBar(
      row(
        `${what}, ${inMemory}`,
        rounds.map(({ ours, keeping }) => ({ ours, peer: keeping })),
        'all at once',
      ),
    ),
  ];
}

function aloneRow(what: string, rounds: readonly Round[], why: string): BenchmarkRow {
  return {
    what,
    value: spreadOf(rounds.map(({ ours }) => ours)).median,
    unit: 's',
    bar: { expected: `at most ${bound.atMost} of fio's time`, verdict: 'inconclusive' },
    note: why,
  };
}

/** Twice as many blocks as the ring holds, of which each write takes one that was not written yet. */
function optionsFor(ringPages: number): JournalOptions {
  return { ringPages, dataBlocks: 2 * ringPages, destageStart: 0.9, destageStop: 0.9 };
}

/** Fills the ring with blocks that are nowhere else, and abandons the journal. */
async function crashFull(
  target: BenchTarget,
  ringPages: number,
  seed: number,
): Promise<CrashedJournal> {
  const options = optionsFor(ringPages);
  const platform = createRealPlatform();
  await using device = await target.open();
  await formatJournal({ journal: device }, options, platform);
  await using journal = await openJournal({ journal: device }, options, platform);
  const blocks = shuffledBlocks(2 * ringPages, seed).subarray(0, writesThatFill(ringPages));
  let next = 0;
  await writeBlocks(journal, writers, blocks.length, () => blocks[next++]!);
  const { data, ring } = journal.layout.extents;
  return { extents: extentsOf(blocks, data.byteOffset), ringOffset: ring.byteOffset };
}

/** A record is a little longer than a page's body, and batches end with a page that is not full. */
function writesThatFill(ringPages: number): number {
  return Math.floor((ringPages * filledPart) / 1.06);
}

async function recoverySeconds(target: BenchTarget, ringPages: number): Promise<number> {
  const platform = createRealPlatform();
  await using device = await target.open();
  const startMs = performance.now();
  await using journal = await openJournal({ journal: device }, optionsFor(ringPages), platform);
  const seconds = (performance.now() - startMs) / 1000;
  const { blocksWritten } = journal.recovery;
  const expected = writesThatFill(ringPages);
  if (blocksWritten < expected) {
    throw new Error(`recovery wrote ${blocksWritten} blocks, expected ${expected}`);
  }
  return seconds;
}

/** What the drive alone needs: reading the ring, then writing the extents. */
async function fioSeconds(
  target: BenchTarget,
  ringPages: number,
  { extents, ringOffset }: CrashedJournal,
): Promise<Omit<Round, 'ours'>> {
  const common = { ioengine: 'io_uring', iodepth: 32 };
  const ringBytes = ringPages * pageBytes;
  const reading = {
    ...common,
    filename: target.path,
    rw: 'read',
    bs: mebibyte,
    offset: ringOffset,
    size: ringBytes,
  };
  const passingBy = await runFio(reading);
  const log = path.join(os.tmpdir(), `powercut-extents-${process.pid}`);
  try {
    await writeFile(log, ioLogOf(target.path, extents));
    const write = await runFio({ ...common, read_iolog: log, replay_no_stall: 1, end_fsync: 1 });
    const keeping = await runFio({ ...reading, iodepth: ringBytes / mebibyte });
    return {
      passingBy: passingBy.seconds + write.seconds,
      keeping: keeping.seconds + write.seconds,
    };
  } finally {
    await rm(log, { force: true });
  }
}

/** fio's own format of a list of requests, version 2. */
function ioLogOf(file: string, extents: readonly Extent[]): string {
  const lines = extents.map(
    ({ byteOffset, byteCount }) => `${file} write ${byteOffset} ${byteCount}`,
  );
  return ['fio version 2 iolog', `${file} add`, `${file} open`, ...lines, `${file} close`, ''].join(
    '\n',
  );
}

function extentsOf(blocks: Uint32Array, dataOffset: number): Extent[] {
  const extents: { byteOffset: number; byteCount: number }[] = [];
  for (const block of blocks.slice().sort()) {
    const byteOffset = dataOffset + block * payloadBytes;
    const last = extents.at(-1);
    if (last !== undefined && last.byteOffset + last.byteCount === byteOffset) {
      last.byteCount += payloadBytes;
    } else {
      extents.push({ byteOffset, byteCount: payloadBytes });
    }
  }
  return extents;
}

function shuffledBlocks(count: number, seed: number): Uint32Array {
  const random = createRandom(seed).fork('blocks');
  const blocks = Uint32Array.from({ length: count }, (_, index) => index);
  for (let index = count - 1; index > 0; index--) {
    const other = random.below(index + 1);
    const kept = blocks[index]!;
    blocks[index] = blocks[other]!;
    blocks[other] = kept;
  }
  return blocks;
}

export default recovery;
