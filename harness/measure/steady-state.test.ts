import { expect, test } from 'vitest';
import { roundsOfSeries, slopeOf, steadyStateOf, steadyStateRule } from './steady-state.ts';

test('five rounds within 20 % of their average and without a slope are steady', () => {
  const state = steadyStateOf([100, 104, 96, 103, 98]);
  expect(state).toMatchObject({ attained: true, rounds: 5 });
  expect(state.window).toMatchObject({ lastRound: 4, average: 100.2 });
  expect(state.window!.excursion).toBeCloseTo(8 / 100.2, 9);
});

test('a drive that still slows down is not steady, until a window lies on the plateau', () => {
  const falling = [1000, 700, 500, 400, 330];
  expect(steadyStateOf(falling).attained).toBe(false);
  const state = steadyStateOf([...falling, 300, 295, 302, 299, 301, 300]);
  expect(state).toMatchObject({ attained: true, rounds: 9 });
});

test('the limits are 20 % from least to largest and 10 % from end to end, both reached', () => {
  // Sum 500: an excursion of exactly a fifth without a slope, and a little more.
  expect(steadyStateOf([100, 90, 120 - 10, 90, 110]).window!.excursion).toBeCloseTo(0.2, 12);
  expect(steadyStateOf([100, 90, 110, 110, 90]).attained).toBe(true);
  expect(steadyStateOf([100, 89.9, 110.1, 110.1, 89.9]).attained).toBe(false);
  // A straight line from 95 to 105 rises by a tenth of its average.
  expect(steadyStateOf([95, 97.5, 100, 102.5, 105]).attained).toBe(true);
  expect(steadyStateOf([94.9, 97.5, 100, 102.5, 105.1]).attained).toBe(false);
});

test('nothing, and fewer than five rounds, are never steady', () => {
  expect(steadyStateOf([])).toEqual({ attained: false, window: undefined, rounds: 0 });
  expect(steadyStateOf([5, 5, 5, 5]).attained).toBe(false);
  expect(steadyStateOf([0, 0, 0, 0, 0]).attained).toBe(false);
});

test('rounds after the twenty-fifth are not looked at', () => {
  const wild = Array.from({ length: steadyStateRule.roundsMax }, (_, at) => (at % 2 ? 100 : 10));
  expect(steadyStateOf([...wild, 50, 50, 50, 50, 50])).toMatchObject({
    attained: false,
    rounds: 25,
  });
});

test('the slope is that of least squares', () => {
  expect(slopeOf([1, 2, 3])).toBe(1);
  expect(slopeOf([5, 5, 5, 5])).toBe(0);
  expect(slopeOf([0, 1, 4])).toBe(2);
});

test('a series becomes at most 25 rounds of equal length, and its broken end is left out', () => {
  expect(roundsOfSeries([1, 2, 3, 4], 1e9)).toEqual([]);
  expect(roundsOfSeries([1, 2, 3, 4, 5, 6], 1e9)).toEqual([1, 2, 3, 4, 5, 6]);
  const rounds = roundsOfSeries(
    Array.from({ length: 60 }, (_, at) => at),
    1e9,
  );
  expect(rounds).toHaveLength(25);
  expect(rounds.slice(0, 2)).toEqual([0.5, 2.5]);
});

test('a round is a second at the least', () => {
  const tenths = Array.from({ length: 50 }, () => 1);
  expect(roundsOfSeries(tenths, 100e6)).toHaveLength(5);
  expect(roundsOfSeries(tenths.slice(1), 100e6)).toEqual([]);
});
