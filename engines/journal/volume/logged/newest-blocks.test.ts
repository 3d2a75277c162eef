import { expect, test } from 'vitest';
import { createRandom } from '../../../../harness/contract/index.ts';
import { NewestBlocks } from './newest-blocks.ts';

test.each([1, 2 ** 33, 2 ** 40 - 300])(
  'each block comes once, ascending, with the version that was added last (from block %d on)',
  (first) => {
    const random = createRandom(7).fork('blocks');
    const newest = new NewestBlocks();
    const expected = new Map<number, number>();
    for (let version = 0; version < 20_000; version++) {
      const block = first + random.below(300);
      newest.add(block, 4096 * version);
      expected.set(block, 4096 * version);
    }
    const { blocks, dataAt } = newest.sorted();
    const ascending = [...expected].sort(([a], [b]) => a - b);
    expect([...blocks]).toEqual(ascending.map(([block]) => block));
    expect([...dataAt]).toEqual(ascending.map(([, at]) => at));
  },
);

test('a log without blocks has none', () => {
  const newest = new NewestBlocks();
  expect(newest.isEmpty).toBe(true);
  expect(newest.sorted().blocks).toHaveLength(0);
});
