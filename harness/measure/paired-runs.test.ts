import { expect, test } from 'vitest';
import { barOf, rowOfPairs, spreadOf, type BarOfPairs, type Pair } from './paired-runs.ts';

test('the median of an odd count is the middle value, of an even count the mean of two', () => {
  expect(spreadOf([9, 1, 5])).toEqual({ median: 5, least: 1, most: 9 });
  expect(spreadOf([4, 1, 2, 9])).toEqual({ median: 3, least: 1, most: 9 });
});

const ratio: BarOfPairs = {
  what: 'appends',
  unit: '×',
  compare: ({ ours, peer }) => ours / peer,
  bound: { atLeast: 2.5 },
  peer: 'fio',
};

const pairsOf = (...sides: readonly (readonly [number, number])[]): Pair[] =>
  sides.map(([ours, peer]) => ({ ours, peer }));

test('sides are compared within each pair, so that a slow moment of the machine weighs on both', () => {
  const row = rowOfPairs(pairsOf([300, 100], [240, 80], [280, 110]), ratio);
  expect(row.value).toBe(3);
  expect(row.bar).toEqual({ expected: 'at least 2.5', verdict: 'met' });
  expect(row.note).toBe('2.55 to 3.00 over 3 pairs; 280 against 100 of fio');
});

test('pairs that do not agree with their median claim nothing', () => {
  const row = rowOfPairs(
    pairsOf([300, 100], [300, 100], [300, 100], [200, 100], [200, 100]),
    ratio,
  );
  expect(row.bar?.verdict).toBe('inconclusive');
  const one = rowOfPairs(
    pairsOf([300, 100], [300, 100], [300, 100], [300, 100], [200, 100]),
    ratio,
  );
  expect(one.bar?.verdict).toBe('met');
});

test('a peer whose own runs lie far apart claims nothing, and the note says so', () => {
  const row = rowOfPairs(pairsOf([300, 100], [300, 10], [300, 100]), ratio);
  expect(row.bar?.verdict).toBe('inconclusive');
  expect(row.note).toMatch(/whose own runs went from 10.0 to 100$/);
});

test('a value on the wrong side of its bound misses the bar', () => {
  expect(barOf(25, { atMost: 25 }).verdict).toBe('met');
  expect(barOf(25.1, { atMost: 25 }).verdict).toBe('missed');
  expect(barOf(2.4, { atLeast: 2.5 }).verdict).toBe('missed');
});

test('nothing has no median', () => {
  expect(() => spreadOf([])).toThrow('a median of nothing');
});
