import { expect, test } from 'vitest';
import type { FaultFiring } from '../contract/index.ts';
import { ledgerWindowsOf } from './crash-windows.ts';
import { History } from './history.ts';

function firing(fault: string, area?: string): FaultFiring {
  return { fault, faultClass: 'bit-rot', atNs: 0, ...(area && { area }), details: {} };
}

/** Events 1..10: marks at 2 (position 5), 6 (position 7) and 9 (position 8), a flush each between. */
function record(): History {
  const history = new History({ now: () => 0 });
  history.submitFlush(0);
  history.mark(5);
  history.submitFlush(0);
  history.submitFlush(0);
  history.submitFlush(0);
  history.mark(7);
  history.submitFlush(0);
  history.submitFlush(0);
  history.mark(8);
  history.submitFlush(0);
  return history;
}

test('a window of events is the window of the ledger positions that were reached in it', () => {
  const windowOf = (firstSeq: number, endSeq: number): unknown =>
    ledgerWindowsOf(record(), { windows: [{ firstSeq, endSeq }] })[0]!.window;
  expect(windowOf(0, 2)).toEqual({ first: 0, last: 0 });
  expect(windowOf(0, 3)).toEqual({ first: 0, last: 5 });
  expect(windowOf(2, 6)).toEqual({ first: 5, last: 5 });
  expect(windowOf(2, 7)).toEqual({ first: 5, last: 7 });
  expect(windowOf(6, Infinity)).toEqual({ first: 7, last: 8 });
  expect(windowOf(10, Infinity)).toEqual({ first: 8, last: 8 });
});

test('each window of a state is judged', () => {
  const windows = [
    { firstSeq: 1, endSeq: 3 },
    { firstSeq: 7, endSeq: Infinity },
  ];
  expect(ledgerWindowsOf(record(), { windows }).map(({ window }) => window)).toEqual([
    { first: 0, last: 5 },
    { first: 7, last: 8 },
  ]);
});

test('a window is cut where a fault fires that may change the promise, and only there', () => {
  const history = record();
  history.fault(0, firing('rot', 'ring'));
  history.mark(9);
  history.fault(0, firing('rot', 'ring'));
  history.fault(0, firing('rot', 'data'));
  history.mark(10);
  const judged = ledgerWindowsOf(history, { windows: [{ firstSeq: 6, endSeq: Infinity }] });
  expect(judged).toMatchObject([
    { window: { first: 7, last: 8 }, firstSeq: 6, lastSeq: 10, firings: [] },
    { window: { first: 8, last: 9 }, firstSeq: 11, lastSeq: 13, firings: [{ area: 'ring' }] },
    { window: { first: 9, last: 10 }, firstSeq: 14, lastSeq: 15 },
  ]);
  expect(judged[2]!.firings).toHaveLength(3);
});
