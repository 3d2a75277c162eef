import { prepareTarget, type BenchTarget } from '../../../harness/measure/bench-target.fixture.ts';
import type { Benchmark } from '../../../harness/measure/benchmark.ts';
import { fioMissing, hasFio, runFio } from '../../../harness/measure/fio.ts';
import {
  pairsOfFullSize,
  rowOfPairs,
  spreadOf,
  type Pair,
} from '../../../harness/measure/paired-runs.ts';
import { loneLatencies, withJournal } from './journal-load.fixture.ts';

const mebibyte = 1024 * 1024;
const sizes = {
  full: { ringPages: 16_384, targetBytes: 128 * mebibyte, seconds: 1.2 },
  smoke: { ringPages: 256, targetBytes: 16 * mebibyte, seconds: 0.05 },
} as const;

/** A 4 KiB record with its header takes two pages, so the peer writes 8 KiB. */
const peerBytes = 8192;
const what = 'a lone durable append, median, longer than the bare write';
const bound = { atMost: 25 };

const loneAppend: Benchmark = {
  name: 'journal: latency of a lone durable append of 4096 bytes',
  run: async (size, options = {}) => {
    const { ringPages, targetBytes, seconds } = sizes[size];
    await using target = await prepareTarget(options.target, targetBytes);
    const measureOurs = (): Promise<number> =>
      withJournal(
        target,
        { ringPages, dataBlocks: 1024 },
        async (journal) => spreadOf(await loneLatencies(journal, seconds)).median,
      );
    if (size === 'smoke' || !(await hasFio())) {
      const expected = `at most ${bound.atMost} µs above fio`;
      return [
        {
          what: 'a lone durable append, median',
          value: await measureOurs(),
          unit: 'µs',
          bar: { expected, verdict: 'inconclusive' },
          note: size === 'smoke' ? 'not compared' : fioMissing,
        },
      ];
    }
    await measureOurs();
    const pairs: Pair[] = [];
    for (let pair = 0; pair < pairsOfFullSize; pair++) {
      const ours = await measureOurs();
      pairs.push({ ours, peer: await bareWrite(target, seconds) });
    }
    return [
      rowOfPairs(pairs, {
        what,
        unit: 'µs',
        compare: ({ ours, peer }) => ours - peer,
        bound,
        peer: 'fio io_uring sync=dsync bs=8k, 1 in flight, submission included',
      }),
    ];
  },
};

async function bareWrite(target: BenchTarget, seconds: number): Promise<number> {
  const { latencyP50Ns } = await runFio({
    filename: target.path,
    size: target.byteCount,
    ioengine: 'io_uring',
    iodepth: 1,
    sync: 'dsync',
    bs: peerBytes,
    rw: 'write',
    time_based: 1,
    runtime: seconds,
  });
  return latencyP50Ns / 1000;
}

export default loneAppend;
