import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { HarnessError, type LedgerView } from '../contract/index.ts';
import { createLedger } from './ack-ledger.ts';
import { decodeLedger, encodeLedger, readLedger } from './ledger-file.ts';
import { LedgerWriter, mirrored } from './ledger-writer.ts';

const firing = {
  fault: 'torn-write',
  faultClass: 'torn-write',
  atNs: 30,
  area: 'ring',
  details: { lba: 8, landed: true },
} as const;

/** Every kind of operation, outcome and mark. */
function record(ledger = createLedger({ seed: 2 ** 40 + 1 })): LedgerView {
  ledger.invoke({ kind: 'write', block: 2 ** 33, blockCount: 3 }, 1, 10.5);
  ledger.invoke({ kind: 'transaction', changes: [{ block: 1, value: -2.5 }, { block: 4 }] }, 2, 11);
  ledger.invoke({ kind: 'flush' }, 3, 12);
  ledger.settle(2, { status: 'rejected', reason: 'the ring is full: ✗' }, 13);
  ledger.invoke({ kind: 'append', byteCount: 77 }, 4, 14);
  ledger.settle(1, { status: 'acknowledged' }, 15);
  ledger.settle(3, { status: 'indeterminate', reason: 'EIO' }, 16);
  ledger.mark({ kind: 'fault', firing });
  ledger.mark({ kind: 'crash', endedEpoch: 1 });
  const observed = { blocks: Int32Array.of(1, 0, -1), log: Int32Array.of(4) };
  ledger.mark({ kind: 'recovered', epoch: 2, observed });
  ledger.invoke({ kind: 'write', block: 0, blockCount: 1 }, 0, 20);
  return ledger.view();
}

const plain = ({ seed, end, entries, marks }: LedgerView): unknown => ({
  seed,
  end,
  entries,
  marks,
});

const damagedAs = (bytes: Uint8Array): string => {
  try {
    return `read ${readLedger(bytes).view.end} records`;
  } catch (error) {
    return error instanceof HarnessError ? error.code : String(error);
  }
};

describe('a ledger file', () => {
  const whole = encodeLedger(record());

  it('gives back what was recorded', () => {
    expect(plain(decodeLedger(whole))).toEqual(plain(record()));
  });

  it('that was cut anywhere is read up to the last whole record, and says so', () => {
    const ends = new Set<number>();
    for (let length = 24; length < whole.length; length++) {
      const { view, complete, cutBytes } = readLedger(whole.subarray(0, length));
      expect(complete).toBe(false);
      expect(cutBytes).toBeLessThan(whole.length);
      ends.add(view.end);
    }
    expect([...ends]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('that was cut is no evidence @req D5', () => {
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeLedger(whole.subarray(0, length))).toThrow(HarnessError);
    }
  });

  it('whose tail never arrived reads as zeros there, and is cut', () => {
    const bytes = new Uint8Array(whole.length + 40);
    bytes.set(whole.subarray(0, 100));
    expect(readLedger(bytes)).toMatchObject({ complete: false });
  });

  it('with any one byte changed before its last record is damaged', () => {
    const lastFrame = whole.length - 21;
    for (let at = 0; at < lastFrame; at++) {
      const bytes = Uint8Array.from(whole);
      bytes[at]! ^= 0x10;
      expect([at, damagedAs(bytes)]).toEqual([at, 'EVIDENCE_DAMAGED']);
    }
  });

  it('with a record missing in its middle is damaged', () => {
    const invoked = encodeLedger(createLedger({ seed: 2 ** 40 + 1 }).view());
    expect(damagedAs(Buffer.concat([invoked, whole.subarray(24)]))).toBe('EVIDENCE_DAMAGED');
    const firstFrame = 12 + 26;
    const without = Buffer.concat([whole.subarray(0, 24), whole.subarray(24 + firstFrame)]);
    expect(damagedAs(without)).toBe('EVIDENCE_DAMAGED');
  });
});

describe('a ledger that is mirrored to a file', () => {
  function inFile(use: (file: string) => void): void {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-ledger-'));
    try {
      use(path.join(directory, 'run.ledger'));
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  }

  it('is the same ledger in both', () => {
    inFile((file) => {
      const writer = LedgerWriter.create(file, 2 ** 40 + 1);
      const view = record(mirrored(createLedger({ seed: 2 ** 40 + 1 }), writer));
      writer.end();
      expect(plain(decodeLedger(fs.readFileSync(file)))).toEqual(plain(view));
    });
  });

  it('is in the file before the operation can be submitted, though never ended', () => {
    inFile((file) => {
      const writer = LedgerWriter.create(file, 3);
      mirrored(createLedger({ seed: 3 }), writer).invoke({ kind: 'flush' }, 0, 0);
      expect(readLedger(fs.readFileSync(file)).view.end).toBe(1);
      writer.end();
    });
  });

  it('never overwrites a file that is there', () => {
    inFile((file) => {
      fs.writeFileSync(file, 'evidence');
      expect(() => LedgerWriter.create(file, 3)).toThrow(/EEXIST/);
    });
  });
});
