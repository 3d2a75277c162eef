import { describe, expect, it } from 'vitest';
import { initialContents, type AckLedger } from '../contract/index.ts';
import { createLedger, ledgerUpTo } from './ack-ledger.ts';

const acknowledged = { status: 'acknowledged' } as const;

/** 1 invoke w0, 2 invoke w1-2, 3 acknowledge 1, 4 acknowledge 2. */
function fourRecords(onRecord?: (position: number) => void): AckLedger {
  const ledger = createLedger({ seed: 5, ...(onRecord === undefined ? {} : { onRecord }) });
  ledger.invoke({ kind: 'write', block: 0, blockCount: 1 }, 0, 10);
  ledger.invoke({ kind: 'write', block: 1, blockCount: 2 }, 1, 11);
  ledger.settle(1, acknowledged, 20);
  ledger.settle(2, acknowledged, 21);
  return ledger;
}

describe('a ledger', () => {
  it('gives every record a position and reports it', () => {
    const positions: number[] = [];
    fourRecords((position) => positions.push(position));
    expect(positions).toEqual([1, 2, 3, 4]);
  });

  it('keeps operations in the order of invocation, with both positions', () => {
    const { entries } = fourRecords().view();
    expect(entries.map(({ id, invokedAt, settledAt }) => [id, invokedAt, settledAt])).toEqual([
      [1, 1, 3],
      [2, 2, 4],
    ]);
  });

  it('finds the operations on a block', () => {
    const view = fourRecords().view();
    expect(view.blocks).toEqual([0, 1, 2]);
    expect(view.entriesOf(2).map(({ id }) => id)).toEqual([2]);
    expect(view.entriesOf(9)).toEqual([]);
  });

  it('counts a transaction that names a block twice once for it', () => {
    const ledger = createLedger({ seed: 5 });
    ledger.invoke({ kind: 'transaction', changes: [{ block: 4 }, { block: 4 }] }, 0, 0);
    expect(ledger.view().entriesOf(4)).toHaveLength(1);
  });

  it('holds an operation that has not settled as indeterminate', () => {
    const ledger = createLedger({ seed: 5 });
    ledger.invoke({ kind: 'flush' }, 0, 0);
    expect(ledger.view().entries[0]).toMatchObject({
      settledAt: Infinity,
      outcome: { status: 'indeterminate' },
    });
  });

  it('counts an epoch with every recovery', () => {
    const ledger = fourRecords();
    const observed = { blocks: Int32Array.of(initialContents), log: new Int32Array() };
    ledger.mark({ kind: 'crash', endedEpoch: 1 });
    ledger.mark({ kind: 'recovered', epoch: 2, observed });
    ledger.invoke({ kind: 'flush' }, 0, 0);
    expect(ledger.view().entries.map(({ epoch }) => epoch)).toEqual([1, 1, 2]);
  });

  it('refuses to settle what was not invoked, or twice', () => {
    const ledger = fourRecords();
    expect(() => {
      ledger.settle(3, acknowledged, 0);
    }).toThrow(/never invoked/);
    expect(() => {
      ledger.settle(1, acknowledged, 0);
    }).toThrow(/settled before/);
  });
});

describe('a view', () => {
  it('does not change with later records', () => {
    const ledger = createLedger({ seed: 5 });
    ledger.invoke({ kind: 'write', block: 0, blockCount: 1 }, 0, 0);
    const view = ledger.view();
    ledger.settle(1, acknowledged, 0);
    ledger.invoke({ kind: 'write', block: 1, blockCount: 1 }, 0, 0);
    expect(view.end).toBe(1);
    expect(view.entries).toHaveLength(1);
    expect(view.entries[0]!.settledAt).toBe(Infinity);
    expect(view.blocks).toEqual([0]);
  });

  it('is the same until something is recorded', () => {
    const ledger = fourRecords();
    expect(ledger.view()).toBe(ledger.view());
  });
});

describe('a ledger up to a position', () => {
  it('holds exactly the records up to there', () => {
    const view = ledgerUpTo(fourRecords(), 3).view();
    expect(view.end).toBe(3);
    expect(view.entries.map(({ settledAt }) => settledAt)).toEqual([3, Infinity]);
    expect(view.entries[1]!.outcome.status).toBe('indeterminate');
  });

  it('leaves out what was invoked later', () => {
    expect(ledgerUpTo(fourRecords(), 1).view().entries).toHaveLength(1);
    expect(ledgerUpTo(fourRecords(), 0).view().entries).toHaveLength(0);
  });

  it('goes on with the next position and the next id, and reports new records only', () => {
    const positions: number[] = [];
    const branch = ledgerUpTo(fourRecords().view(), 3, (position) => positions.push(position));
    branch.mark({ kind: 'crash', endedEpoch: 1 });
    expect(branch.invoke({ kind: 'flush' }, 0, 0)).toBe(3);
    expect(positions).toEqual([4, 5]);
  });

  it('leaves the source as it is', () => {
    const source = fourRecords();
    const branch = ledgerUpTo(source, 3);
    branch.settle(2, { status: 'rejected', reason: 'full' }, 0);
    expect(source.view().entries[1]!.outcome).toEqual(acknowledged);
    expect(source.view().end).toBe(4);
  });

  it('is refused past the end', () => {
    expect(() => ledgerUpTo(fourRecords(), 5)).toThrow(/past the end/);
  });
});
