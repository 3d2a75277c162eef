import { prepareTarget, type BenchTarget } from '../../../harness/measure/bench-target.fixture.ts';
import type { Benchmark, BenchmarkRow } from '../../../harness/measure/benchmark.ts';
import { fioMissing, hasFio, runFio, type FioAnswer } from '../../../harness/measure/fio.ts';
import { pairsOfFullSize, rowOfPairs, spreadOf } from '../../../harness/measure/paired-runs.ts';
import {
  appendRate,
  payloadBytes,
  withJournal,
  type AppendFigures,
} from './journal-load.fixture.ts';

const mebibyte = 1024 * 1024;
const writers = 64;
const sizes = {
  full: { ringPages: 16_384, targetBytes: 256 * mebibyte, seconds: 1.2 },
  smoke: { ringPages: 1024, targetBytes: 16 * mebibyte, seconds: 0.05 },
} as const;

interface Round {
  readonly ours: AppendFigures;
  readonly fio32: FioAnswer;
  readonly fio64: FioAnswer;
  readonly fioLone: FioAnswer;
}

/**
 * Durable appends of many writers in this process, which is how the engine is used, against fio's
 * processes that each write and then call fdatasync(2).
 */
const concurrentAppends: Benchmark = {
  name: `journal: durable appends of ${payloadBytes} bytes, ${writers} writers`,
  run: async (size, options = {}) => {
    const { ringPages, targetBytes, seconds } = sizes[size];
    await using target = await prepareTarget(options.target, targetBytes);
    const measureOurs = (): Promise<AppendFigures> =>
      withJournal(target, { ringPages, dataBlocks: 1024 }, (journal) =>
        appendRate(journal, writers, seconds),
      );
    if (size === 'smoke') return rowsWithoutPeer([await measureOurs()], 'not compared');
    if (!(await hasFio())) return rowsWithoutPeer([await measureOurs()], fioMissing);
    // The first run warms the code up; it is not counted.
    await measureOurs();
    const rounds: Round[] = [];
    for (let round = 0; round < pairsOfFullSize; round++) {
      rounds.push({
        ours: await measureOurs(),
        fio32: await durableWrites(target, 32, seconds),
        fio64: await durableWrites(target, 64, seconds),
        fioLone: await durableWrites(target, 1, seconds),
      });
    }
    return rowsOf(rounds, target);
  },
};

function rowsOf(rounds: readonly Round[], { kind }: BenchTarget): BenchmarkRow[] {
  const ratio = (pair: { ours: number; peer: number }): number => pair.ours / pair.peer;
  return [
    {
      what: `durable appends, ${writers} writers`,
      value: spreadOf(rounds.map(({ ours }) => ours.appendsPerSecond)).median,
      unit: 'a second',
    },
    rowOfPairs(
      rounds.map(({ ours, fio32, fio64 }) => ({
        ours: ours.appendsPerSecond,
        peer: Math.max(fio32.operationsPerSecond, fio64.operationsPerSecond),
      })),
      {
        what: 'against the best of many durable fio writers',
        unit: 'times',
        compare: ratio,
        bound: { atLeast: 2.5 },
        peer: `fio psync fdatasync=1 with 32 or 64 jobs, on the ${kind}`,
      },
    ),
    rowOfPairs(
      rounds.map(({ ours, fioLone }) => ({
        ours: ours.appendsPerSecond,
        peer: fioLone.operationsPerSecond,
      })),
      {
        what: 'against one writer with write and fdatasync',
        unit: 'times',
        compare: ratio,
        bound: { atLeast: 5 },
        peer: `fio psync fdatasync=1 with 1 job, on the ${kind}`,
      },
    ),
    rowOfPairs(
      rounds.map(({ ours, fio64 }) => ({
        ours: ours.cpuMicrosecondsPerAppend,
        peer: fio64.cpuMicroseconds / fio64.operations,
      })),
      {
        what: 'processor time of an append, in µs, against a durable write of fio',
        unit: 'times',
        compare: ratio,
        bound: { atMost: 0.5 },
        peer: 'fio psync fdatasync=1 with 64 jobs',
      },
    ),
  ];
}

function rowsWithoutPeer(runs: readonly AppendFigures[], note: string): BenchmarkRow[] {
  const open = (expected: string): Pick<BenchmarkRow, 'bar' | 'note'> => ({
    bar: { expected, verdict: 'inconclusive' },
    note,
  });
  return [
    {
      what: `durable appends, ${writers} writers`,
      value: spreadOf(runs.map((run) => run.appendsPerSecond)).median,
      unit: 'a second',
      ...open('at least 2.5 times many fio writers, 5 times one'),
    },
    {
      what: 'processor time of an append',
      value: spreadOf(runs.map((run) => run.cpuMicrosecondsPerAppend)).median,
      unit: 'µs',
      ...open('at most 0.5 of a durable write of fio'),
    },
  ];
}

/** Each job overwrites a stretch of its own, so that none waits for another's lock. */
function durableWrites(target: BenchTarget, jobs: number, seconds: number): Promise<FioAnswer> {
  const stretchBytes = Math.floor(target.byteCount / 64 / payloadBytes) * payloadBytes;
  return runFio({
    filename: target.path,
    ioengine: 'psync',
    fdatasync: 1,
    bs: payloadBytes,
    rw: 'write',
    size: stretchBytes,
    offset_increment: stretchBytes,
    numjobs: jobs,
    time_based: 1,
    runtime: seconds,
  });
}

export default concurrentAppends;
