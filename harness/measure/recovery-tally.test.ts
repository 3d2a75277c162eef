import { expect, test } from 'vitest';
import { RecoveryTally } from './recovery-tally.ts';

function tallyOf(...requests: readonly number[]): RecoveryTally {
  const tally = new RecoveryTally();
  for (const each of requests) tally.record(each);
  return tally;
}

test('the median of an odd count is the middle value', () => {
  expect(tallyOf(9, 1, 5).statistics()).toEqual({ count: 3, requestsMedian: 5, requestsMax: 9 });
});

test('the median of an even count is the mean of the two in the middle', () => {
  expect(tallyOf(1, 2, 2, 4, 4, 90).statistics()).toEqual({
    count: 6,
    requestsMedian: 3,
    requestsMax: 90,
  });
});

test('tallies of several threads add up to the tally of all', () => {
  const sum = tallyOf(3, 3);
  sum.add(tallyOf(3, 100).counts);
  expect(sum.statistics()).toEqual(tallyOf(3, 3, 3, 100).statistics());
});

test('no recovery gives no statistics', () => {
  expect(new RecoveryTally().statistics()).toBeUndefined();
});
