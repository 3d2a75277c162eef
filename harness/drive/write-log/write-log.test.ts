import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readBaseImage } from './base-image.ts';
import {
  draftFlush,
  draftMark,
  draftWrite,
  encodeLog,
  writeLogFile,
  type EntryDraft,
} from './log-encoder.fixture.ts';
import { logFlags } from './log-format.ts';
import { replayLog } from './replay-log.ts';
import { endMark, WriteLog, type WriteLogOptions } from './write-log.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-log-'));
const file = path.join(folder, 'log');
afterAll(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

const blockBytes = 512;
const blocks = (value: number, count = 1): Uint8Array =>
  new Uint8Array(count * blockBytes).fill(value);
const byCount: WriteLogOptions = { until: 'entry-count' };
const byEntries: WriteLogOptions = { until: 'last-valid-entry' };

function openLog(entries: readonly EntryDraft[], options = byCount, entryCount?: number): WriteLog {
  const count = entryCount === undefined ? {} : { entryCount };
  return WriteLog.open(writeLogFile(file, { blockBytes, entries, ...count }), options);
}

function openBytes(bytes: Uint8Array, options = byCount): WriteLog {
  fs.writeFileSync(file, bytes);
  return WriteLog.open(file, options);
}

const four = [
  draftWrite(7, blocks(1, 2)),
  { flags: logFlags.discard, lba: 100, blockCount: 50 },
  draftFlush,
  draftWrite(9, blocks(3), logFlags.fua | logFlags.metadata),
];

describe('a write log', () => {
  test('yields its entries with the places of their data', async () => {
    await using log = openLog([...four, draftMark('pos-1')]);
    const found = [...log.entries()].map(({ number, kind, fua, metadata, lba, blockCount, text }) =>
      [number, kind, fua, metadata, lba, blockCount, text].join(' '),
    );
    expect(found).toEqual([
      '0 write false false 7 2 ',
      '1 discard false false 100 50 ',
      '2 flush false false 0 0 ',
      '3 write true true 9 1 ',
      '4 mark false false 0 0 pos-1',
    ]);
    const [first, , , fua] = [...log.entries()];
    expect(new Uint8Array(log.readData(first!))).toEqual(blocks(1, 2));
    expect(new Uint8Array(log.readData(fua!))).toEqual(blocks(3));
    // The super block, then 1 + 2, 1 and 1 blocks before it.
    expect(fua!.byteOffset).toBe(6 * blockBytes);
  });

  test('ends with the end mark, whatever its super block counts', async () => {
    await using log = openLog([draftFlush, draftMark(endMark), draftFlush], byCount, 3);
    expect([...log.entries()].map(({ kind }) => kind)).toEqual(['flush', 'mark']);
  });

  test('ends where its super block says, or with the last entry that is one', async () => {
    await using counted = openLog(four, byCount, 2);
    expect([...counted.entries()]).toHaveLength(2);
    await using walked = openLog(four, byEntries, 2);
    expect([...walked.entries()]).toHaveLength(4);
    const bytes = encodeLog({ blockBytes, entries: four });
    await using zeroed = openBytes(Buffer.concat([bytes, Buffer.alloc(4096)]), byEntries);
    expect([...zeroed.entries()]).toHaveLength(4);
    await using cut = openBytes(bytes.subarray(0, bytes.length - 1), byEntries);
    expect([...cut.entries()]).toHaveLength(3);
  });

  test('has numbers beyond 2^32', async () => {
    const lba = 5 * 2 ** 32 + 3;
    await using log = openLog([draftWrite(lba, blocks(1))]);
    expect([...log.entries()][0]!.lba).toBe(lba);
  });
});

describe('a damaged write log says which entry, at which byte, and what is wrong', () => {
  const whole = encodeLog({ blockBytes, entries: four });

  function damaged(at: number, value: number): Buffer {
    const bytes = Buffer.from(whole);
    bytes[at] = value;
    return bytes;
  }

  function failure(bytes: Uint8Array, options = byCount): () => void {
    return () => {
      const log = openBytes(bytes, options);
      for (const entry of log.entries()) log.readData(entry);
    };
  }

  test.each([
    ['no magic', damaged(0, 1), /magic/],
    ['another version', damaged(8, 2), /version is 2/],
    ['odd blocks', damaged(25, 4), /blocks have 1024 bytes/],
    ['nothing at all', Buffer.alloc(10), /10 bytes/],
    [
      'an empty header',
      encodeLog({ blockBytes, entries: [{}] }),
      /entry 0 at byte 512: it is empty/,
    ],
    ['unknown flags', damaged(512 + 16, 64), /entry 0 at byte 512: its flags are 64/],
    ['a number that is too large', damaged(512 + 7, 1), /beyond 2\^53/],
    ['padding', damaged(512 + 40, 1), /entry 0 at byte 512: its padding/],
    ['padding in a later entry', damaged(3 * 512 + 512 + 511, 1), /entry 1 at byte 2048/],
    ['inline bytes that are none', damaged(512 + 24, 5), /5 inline bytes for 2 blocks/],
    ['data cut short', whole.subarray(0, whole.length - 1), /entry 3 at byte 3072.*cut short/],
    ['a header cut short', whole.subarray(0, 3 * 512 + 600), /entry 1 at byte 2048: the log ends/],
  ])('%s', (_, bytes, message) => {
    expect(failure(bytes)).toThrow(message);
    expect(failure(bytes)).toThrow(expect.objectContaining({ code: 'EVIDENCE_DAMAGED' }));
  });

  test('an entry beyond the drive', () => {
    expect(failure(whole, { ...byCount, capacityBlocks: 149 })).toThrow(
      /entry 1 at byte 2048: blocks 100 to 149 of a drive that has 149/,
    );
    expect(failure(whole, { ...byCount, capacityBlocks: 150 })).not.toThrow();
  });

  test('a mark whose text runs past its block, or that has data', () => {
    const long = encodeLog({ blockBytes, entries: [draftMark('x')] });
    long.writeUInt32LE(481, 512 + 24);
    expect(failure(long)).toThrow(/its text has 481 bytes/);
    const withData = encodeLog({ blockBytes, entries: [{ ...draftMark('x'), blockCount: 1 }] });
    expect(failure(withData)).toThrow(/a mark with data/);
  });

  test('a log that is not there is no damage', () => {
    expect(() => WriteLog.open(path.join(folder, 'none'), byCount)).toThrow(
      expect.objectContaining({ code: 'UNAVAILABLE' }),
    );
  });
});

describe('a replay', () => {
  const entries = [
    draftWrite(0, blocks(1, 2)),
    draftMark('one'),
    draftWrite(1, blocks(2)),
    { flags: logFlags.discard, lba: 0, blockCount: 1 },
    draftMark('two'),
  ];
  const baseFile = path.join(folder, 'base');
  fs.writeFileSync(baseFile, Buffer.alloc(4 * blockBytes, 9));

  function replayed(options: Parameters<typeof replayLog>[2]): string {
    const image = readBaseImage(baseFile, blockBytes);
    const taken = replayLog(openLog(entries), image, options);
    const units = Array.from({ length: 4 }, (_, unit) => image.readUnit(unit).bytes[511]);
    return `${units.join(' ')} after ${taken}`;
  }

  test('brings the base to any entry or mark', () => {
    expect(replayed({ discards: 'zeros' })).toBe('0 2 9 9 after 5');
    expect(replayed({ discards: 'nothing' })).toBe('1 2 9 9 after 5');
    expect(replayed({ discards: 'zeros', endMark: 'one' })).toBe('1 1 9 9 after 2');
    expect(replayed({ discards: 'zeros', endEntry: 3 })).toBe('1 2 9 9 after 3');
    expect(() => replayed({ discards: 'zeros', endMark: 'three' })).toThrow(/no mark three/);
  });
});

describe('a base image', () => {
  test('holds the bytes of its file', () => {
    const bytes = Buffer.concat([blocks(0, 3), blocks(7), blocks(0, 4000)]);
    fs.writeFileSync(file, bytes);
    const image = readBaseImage(file, blockBytes);
    const found = new Uint8Array(bytes.length);
    image.read(0, found);
    expect(Buffer.compare(found, bytes)).toBe(0);
  });

  test('is of whole blocks', () => {
    fs.writeFileSync(file, Buffer.alloc(blockBytes + 1));
    expect(() => readBaseImage(file, blockBytes)).toThrow(/513 bytes/);
  });
});
