import { expect, test } from 'vitest';
import { journalOptions } from './config.ts';

test('options left out follow from the size of the ring', () => {
  expect(journalOptions.parse({ ringPages: 64 })).toMatchObject({
    segmentPages: 16,
    batchPagesMax: 4,
    windowPages: 12,
    inFlightBatchesMax: 3,
    transactionBytesMax: 65_536,
    durability: 'auto',
    idleWatermark: true,
  });
  expect(journalOptions.parse({})).toMatchObject({ ringPages: 4096, batchPagesMax: 64 });
});

test('a complete configuration parses to itself', () => {
  const complete = journalOptions.parse({ ringPages: 256, batchPagesMax: 8 });
  expect(journalOptions.parse(complete)).toEqual(complete);
});

test.each([
  [{ ringPages: 8 }, 'ringPages'],
  [{ ringPages: 64, segmentPages: 32 }, 'segmentPages'],
  [{ ringPages: 64, segmentPages: 15 }, 'segmentPages'],
  [{ ringPages: 64, windowPages: 17 }, 'windowPages'],
  [{ ringPages: 64, windowPages: 4, batchPagesMax: 5 }, 'batchPagesMax'],
  [{ ringPages: 64, transactionBytesMax: 65_537 }, 'transactionBytesMax'],
  [{ destageStart: 0.4, destageStop: 0.5 }, 'destageStop'],
  [{ discard: true }, 'discard'],
])('%j is refused, naming the field', (options, field) => {
  const issues = journalOptions.safeParse(options).error?.issues ?? [];
  expect(issues.map(({ path }) => path[0])).toContain(field);
});

test('an unknown option is refused', () => {
  const { error } = journalOptions.safeParse({ ringPage: 64 });
  expect(error?.issues[0]).toMatchObject({ code: 'unrecognized_keys', keys: ['ringPage'] });
});
