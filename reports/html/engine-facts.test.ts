import { expect, test } from 'vitest';
import { passingCell } from '../run-summary.fixture.ts';
import { describeFacts, factTitle } from './engine-facts.ts';

const engineFacts = {
  mode: ['ordered', 'journal'],
  encrypted: [true],
  pageBytes: [16_384],
  epochs: [1200],
  journalFuaMedianNs: [24_000, 20_000, 21_500],
};

test('names are words, numbers have the unit that their name ends in, rounds are a range', () => {
  const cell = passingCell({ engineFacts });
  const onDevice = { ...cell, scenario: { ...cell.scenario, rig: 'device' as const } };
  expect(describeFacts(onDevice)).toEqual([
    ['mode', 'ordered, journal'],
    ['encrypted', 'yes'],
    ['page', '16 KiB'],
    ['epochs', '1,200'],
    ['journal FUA median', '20 µs to 24 µs'],
  ]);
});

test('what was measured on a simulated drive is never a performance figure', () => {
  const facts = new Map(describeFacts(passingCell({ engineFacts })));
  expect(facts.get('journal FUA median')).toBe('20 µs to 24 µs, modelled time');
  expect(facts.get('page')).toBe('16 KiB');
});

test('an engine that says nothing has no facts', () => {
  expect(describeFacts(passingCell({ engineFacts: undefined }))).toEqual([]);
  expect(factTitle('dataDurability')).toBe('data durability');
});
