import { prepareTarget } from '../../../harness/measure/bench-target.fixture.ts';
import type { Benchmark } from '../../../harness/measure/benchmark.ts';
import { pairsOfFullSize, rowOfPairs, type Pair } from '../../../harness/measure/paired-runs.ts';
import { fixedKey } from '../crypto/fixed-key.fixture.ts';
import { keyIdOf, type KeyProvider } from '../crypto/key-provider.ts';
import { appendRate, withJournal } from './journal-load.fixture.ts';

const mebibyte = 1024 * 1024;
const writers = 64;
const sizes = {
  full: { ringPages: 16_384, targetBytes: 128 * mebibyte, seconds: 1.2, pairs: pairsOfFullSize },
  smoke: { ringPages: 1024, targetBytes: 16 * mebibyte, seconds: 0.05, pairs: 1 },
} as const;

const key = fixedKey(1);
const keys: KeyProvider = {
  description: 'a key of the benchmark',
  newestKeyId: async () => keyIdOf(key),
  keyFor: async () => key.slice(),
};

/** The same load with pages sealed and with pages in the clear. */
const encryptedAppends: Benchmark = {
  name: `journal: appends with encryption, ${writers} writers`,
  run: async (size, options = {}) => {
    const { ringPages, targetBytes, seconds, pairs: pairCount } = sizes[size];
    await using target = await prepareTarget(options.target, targetBytes);
    const measure = async (provider?: KeyProvider): Promise<number> =>
      withJournal(
        target,
        { ringPages, dataBlocks: 1024 },
        async (journal) => (await appendRate(journal, writers, seconds)).appendsPerSecond,
        provider,
      );
    if (size === 'full') await measure(keys);
    const pairs: Pair[] = [];
    for (let pair = 0; pair < pairCount; pair++) {
      const ours = await measure(keys);
      pairs.push({ ours, peer: await measure() });
    }
    return [
      rowOfPairs(pairs, {
        what: 'appends a second, encrypted, of those in the clear',
        unit: 'times',
        compare: ({ ours, peer }) => ours / peer,
        bound: { atLeast: 0.5 },
        peer: 'the same journal without encryption',
      }),
    ];
  },
};

export default encryptedAppends;
