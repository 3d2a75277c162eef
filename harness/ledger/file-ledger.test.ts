import { describe, expect, it } from 'vitest';
import { HarnessError, type FileOp } from '../contract/index.ts';
import { createFileLedger, decodeFileLedger, encodeFileLedger } from './file-ledger.ts';

const acknowledged = { status: 'acknowledged' } as const;

const everyOp: readonly FileOp[] = [
  { kind: 'mkdir', path: 'd' },
  { kind: 'create', path: 'd/ä "quoted"\n' },
  { kind: 'write', path: 'a', byteOffset: 5, byteCount: 9 },
  { kind: 'append', path: 'a', byteCount: 9 },
  { kind: 'truncate', path: 'a', byteCount: 0 },
  { kind: 'allocate', path: 'a', byteOffset: 0, byteCount: 4096, keepSize: true },
  { kind: 'punch', path: 'a', byteOffset: 0, byteCount: 4096 },
  { kind: 'rename', path: 'a', to: 'b' },
  { kind: 'link', path: 'b', to: 'c' },
  { kind: 'symlink', path: 's', target: '../x' },
  { kind: 'unlink', path: 'c' },
  { kind: 'rmdir', path: 'd' },
  { kind: 'fsync', path: '' },
  { kind: 'fdatasync', path: 'b' },
  { kind: 'sync-file-range', path: 'b' },
  { kind: 'sync' },
];

function ledgerOfEveryOp(positions: number[] = []): ReturnType<typeof createFileLedger> {
  const ledger = createFileLedger({ seed: 0.5, onRecord: (position) => positions.push(position) });
  for (const op of everyOp) ledger.settle(ledger.invoke(op), acknowledged);
  ledger.settle(ledger.invoke({ kind: 'sync' }), { status: 'failed', errno: 'EIO' });
  ledger.invoke({ kind: 'create', path: 'on its way' });
  return ledger;
}

describe('a file ledger', () => {
  it('gives every record a position and reports it', () => {
    const positions: number[] = [];
    const view = ledgerOfEveryOp(positions).view();
    expect(view.end).toBe(2 * everyOp.length + 3);
    expect(positions).toEqual(Array.from({ length: view.end }, (_, index) => index + 1));
    expect(view.entries[1]).toMatchObject({ id: 2, invokedAt: 3, settledAt: 4 });
    expect(view.entries.at(-1)).toMatchObject({ settledAt: Infinity, outcome: undefined });
  });

  it('gives views that do not change with later records', () => {
    const ledger = createFileLedger({ seed: 1 });
    ledger.invoke({ kind: 'sync' });
    const view = ledger.view();
    expect(ledger.view()).toBe(view);
    ledger.settle(1, acknowledged);
    expect(view.entries[0]!.settledAt).toBe(Infinity);
  });

  it('refuses to settle what was not invoked, or twice', () => {
    const ledger = createFileLedger({ seed: 1 });
    expect(() => {
      ledger.settle(1, acknowledged);
    }).toThrow(/never invoked/);
    ledger.settle(ledger.invoke({ kind: 'sync' }), acknowledged);
    expect(() => {
      ledger.settle(1, acknowledged);
    }).toThrow(/settled before/);
  });
});

describe('the file of a file ledger', () => {
  const view = ledgerOfEveryOp().view();
  const text = encodeFileLedger(view);

  it('comes back as it was', () => {
    expect(decodeFileLedger(text)).toEqual(view);
    const empty = createFileLedger({ seed: 3 }).view();
    expect(decodeFileLedger(encodeFileLedger(empty))).toEqual(empty);
  });

  it('is damaged when any character of it is changed, or the end is missing (@req D5)', () => {
    for (let at = 0; at < text.length; at++) {
      const changed = `${text.slice(0, at)}${text[at] === '1' ? '2' : '1'}${text.slice(at + 1)}`;
      expect(() => decodeFileLedger(changed)).toThrow(HarnessError);
    }
    for (let length = 0; length < text.length; length += 7) {
      expect(() => decodeFileLedger(text.slice(0, length))).toThrow(/cannot be trusted/);
    }
  });

  it('is damaged when a line is left out or put elsewhere, even with a right checksum', () => {
    const lines = encodeFileLedger({
      ...view,
      entries: view.entries.map((entry) => ({ ...entry, id: entry.id + 1 })),
    });
    expect(() => decodeFileLedger(lines)).toThrow(/contradicts/);
    expect(() => decodeFileLedger(encodeFileLedger({ ...view, end: view.end + 1 }))).toThrow(
      /should hold/,
    );
  });
});
