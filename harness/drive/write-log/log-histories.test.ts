import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createImage } from '../image.ts';
import { Unit } from '../unit.ts';
import { draftFlush, draftMark, draftWrite, writeLogFile } from './log-encoder.fixture.ts';
import type { EntryDraft } from './log-encoder.fixture.ts';
import { logFlags } from './log-format.ts';
import { historiesOfLog, type LogHistories, type LogHistoryOptions } from './log-histories.ts';
import { endMark, WriteLog } from './write-log.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-log-'));
const file = path.join(folder, 'log');
afterAll(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

const blockBytes = 512;
const geometry = { logicalBlockBytes: blockBytes, capacityBlocks: 8, atomicWriteBlocks: 1 };
const base = createImage(geometry, 0);
base.writeUnit(7, new Unit(new Uint8Array(blockBytes)));

const plain = (lba: number, value: number): EntryDraft =>
  draftWrite(lba, new Uint8Array(blockBytes).fill(value));
const fua = (lba: number, value: number): EntryDraft => ({
  ...plain(lba, value),
  flags: logFlags.fua,
});
const discard = (lba: number, blockCount: number): EntryDraft => ({
  flags: logFlags.discard,
  lba,
  blockCount,
});

function convert(
  entries: readonly EntryDraft[],
  options: Partial<LogHistoryOptions> = {},
): LogHistories {
  const log = WriteLog.open(writeLogFile(file, { blockBytes, entries }), { until: 'entry-count' });
  try {
    return historiesOfLog(log, { semantics: 'dm-log-writes', name: 'drive', base, ...options });
  } finally {
    void log[Symbol.asyncDispose]();
  }
}

/** The events of the only history, in short. */
function eventsOf({ histories }: LogHistories): string[] {
  expect(histories).toHaveLength(1);
  return histories[0]!.history.events.map((event) => {
    if (event.kind === 'mark') return `mark ${event.position}`;
    if (event.kind === 'fault') return 'fault';
    const { kind, request } = event;
    if (kind === 'complete') return `${request} done`;
    return request === 'flush' ? 'flush' : `${request} ${event.lba}+${event.blockCount}`;
  });
}

describe('the history of a log', () => {
  test('has every request complete before the next, and marks where the log has them', () => {
    const found = convert([
      fua(0, 1),
      draftMark('ack-3'),
      draftMark('anything'),
      plain(1, 2),
      draftFlush,
      draftMark('pos-5'),
      draftMark(endMark),
    ]);
    expect(eventsOf(found)).toEqual([
      ...['write 0+1', 'write done', 'mark 3', 'write 1+1', 'write done'],
      ...['flush', 'flush done', 'mark 5'],
    ]);
    expect(found).toMatchObject({ isClosed: true, gaps: [], entryCount: 7 });
    expect([...found.histories[0]!.history.writes].map(({ durable }) => durable)).toEqual([
      true,
      false,
    ]);
  });

  test('of a log that was not closed says so', () => {
    expect(convert([fua(0, 1)]).isClosed).toBe(false);
  });

  test('takes a mark that comes late for nothing new', () => {
    const found = convert([draftMark('pos-4'), draftMark('pos-3'), draftMark('pos-4')]);
    expect(eventsOf(found)).toEqual(['mark 4']);
  });

  test('can name its marks otherwise', () => {
    const positionOf = (mark: string): number | undefined =>
      mark.startsWith('at') ? Number(mark.slice(2)) : undefined;
    expect(eventsOf(convert([draftMark('pos-4'), draftMark('at9')], { positionOf }))).toEqual([
      'mark 9',
    ]);
  });

  test('begins at a mark, on what was durable then, like a drive that has just been formatted', () => {
    const found = convert([fua(0, 1), draftMark('pos-0'), plain(1, 2), draftFlush], {
      startMark: 'pos-0',
    });
    expect(eventsOf(found)).toEqual(['mark 0', 'write 1+1', 'write done', 'flush', 'flush done']);
    const { history, firstEntry } = found.histories[0]!;
    expect(firstEntry).toBe(2);
    expect(history.devices[0]!.base.readUnit(0).bytes[0]).toBe(1);
    expect(base.writtenUnit(0)).toBeUndefined();
    expect(() => convert([fua(0, 1)], { startMark: 'pos-0' })).toThrow(/no mark pos-0/);
  });

  test('ends at a mark', () => {
    const found = convert([fua(0, 1), draftMark('cut'), fua(0, 2)], { stopMark: 'cut' });
    expect(eventsOf(found)).toEqual(['write 0+1', 'write done']);
  });

  test('splits a flush that carries a FUA write into the two that it is', () => {
    const both = { ...fua(0, 1), flags: logFlags.flush | logFlags.fua };
    expect(eventsOf(convert([plain(1, 2), both]))).toEqual([
      ...['write 1+1', 'write done', 'flush', 'flush done', 'write 0+1', 'write done'],
    ]);
    const weird = { ...plain(0, 1), flags: logFlags.flush };
    expect(() => convert([weird])).toThrow(/entry 0.*without FUA/);
  });

  test('has a discard only where it can change anything', () => {
    // Block 7 of the base holds zeros, and block 6 may have been written by then.
    const found = convert([discard(5, 3), plain(6, 0), discard(6, 2), draftFlush]);
    expect(eventsOf(found)).toEqual([
      ...['discard 5+2', 'discard done', 'write 6+1', 'write done', 'discard 6+1', 'discard done'],
      ...['flush', 'flush done'],
    ]);
  });

  test('of blklogwrites takes ledger positions by the length that the log had', () => {
    const positions = [
      { entryCount: 1, position: 4 },
      { entryCount: 3, position: 6 },
    ];
    const found = convert([plain(0, 1), draftFlush, plain(0, 2)], {
      semantics: 'blklogwrites',
      positions,
    });
    expect(eventsOf(found)).toEqual([
      ...['write 0+1', 'write done', 'mark 4', 'flush', 'flush done'],
      ...['write 0+1', 'write done', 'mark 6'],
    ]);
  });
});

describe('a block with a FUA write and a plain one, of which nobody knows which came last', () => {
  test('leaves a gap from the flush until it is written again', () => {
    const found = convert([fua(0, 1), plain(0, 2), draftFlush, fua(3, 3), fua(0, 4), fua(3, 5)]);
    expect(found.gaps).toEqual([{ firstEntry: 2, endEntry: 5, lba: 0 }]);
    expect(found.histories.map(({ firstEntry }) => firstEntry)).toEqual([0, 5]);
    const [before, after] = found.histories.map(({ history }) => [...history.writes].length);
    // The plain write has no legal state of its own.
    expect([before, after]).toEqual([1, 1]);
    const { base: second } = found.histories[1]!.history.devices[0]!;
    expect([second.readUnit(0).bytes[0], second.readUnit(3).bytes[0]]).toEqual([4, 3]);
  });

  test('is no gap where both wrote the same', () => {
    expect(convert([fua(0, 1), plain(0, 1), draftFlush]).gaps).toEqual([]);
  });

  test('is looked for in as many groups before as flushes were in flight', () => {
    const entries = [fua(0, 1), draftFlush, draftFlush, plain(0, 2), draftFlush];
    expect(convert(entries, { flushesInFlightMax: 1 }).gaps).toEqual([]);
    expect(convert(entries, { flushesInFlightMax: 2 }).gaps).toHaveLength(1);
  });

  test('is no question in the true order of blklogwrites', () => {
    expect(
      convert([fua(0, 1), plain(0, 2), draftFlush], { semantics: 'blklogwrites' }).gaps,
    ).toEqual([]);
  });

  test('may lie before the start, and is then a gap from there on', () => {
    const entries = [fua(0, 1), plain(0, 2), draftFlush, draftMark('pos-0'), fua(1, 1)];
    const found = convert(entries, { startMark: 'pos-0' });
    expect(found).toMatchObject({ histories: [], gaps: [{ firstEntry: 3, endEntry: undefined }] });
  });
});

describe('what cannot be a log of that kind is refused', () => {
  test('plain writes that no flush follows', () => {
    expect(() => convert([plain(0, 1), fua(1, 1)])).toThrow(/entry 1 at byte 1536.*of QEMU/);
    expect(() => convert([plain(0, 1), draftMark('pos-1')])).toThrow(/entry 1/);
    expect(() => convert([plain(0, 1), draftMark(endMark)])).not.toThrow();
    expect(() => convert([plain(0, 1), fua(1, 1)], { semantics: 'blklogwrites' })).not.toThrow();
  });

  test('blocks beyond the base, and a base of other blocks', () => {
    expect(() => convert([plain(8, 1)])).toThrow(/entry 0.*blocks 8 to 8 of a drive that has 8/);
    const other = createImage({ ...geometry, logicalBlockBytes: 4096 }, 0);
    expect(() => convert([], { base: other })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });
});
