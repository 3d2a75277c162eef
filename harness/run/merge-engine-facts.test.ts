import { expect, it } from 'vitest';
import { mergeEngineFacts } from './merge-engine-facts.ts';

it('keeps each value of a fact once, in the order of the rounds', () => {
  const rounds = [
    { mode: 'journal', journalDurability: 'fua', journalFuaMedianNs: 20_000 },
    { mode: 'journal', journalDurability: 'flush', journalFuaMedianNs: 24_000, strict: false },
    { mode: 'journal', journalDurability: 'fua', journalFuaMedianNs: 20_000 },
  ];
  expect(mergeEngineFacts(rounds)).toEqual({
    mode: ['journal'],
    journalDurability: ['fua', 'flush'],
    journalFuaMedianNs: [20_000, 24_000],
    strict: [false],
  });
});

it('knows nothing of an engine that never said anything', () => {
  expect(mergeEngineFacts([])).toBeUndefined();
});
