import { describe, expect, test } from 'vitest';
import {
  blockCountersBetween,
  blockCountersOf,
  readBlockCounters,
  type BlockCounters,
} from './block-counters.ts';
import { hostBytesOf, mediaBytesOf, readDriveCounters } from './drive-counters.ts';
import { writeLevelRows } from './write-levels-table.ts';
import {
  blockLevel,
  driveLevel,
  engineLevel,
  ratiosOfLevels,
  type EngineLevel,
  type WriteLevels,
} from './write-levels.ts';

/** A line of /sys/block/loop0/stat: 2048 writes of 4 KiB, a flush after each. */
const before = [10, 0, 80, 1, 100, 5, 800, 3, 0, 4, 9, 2, 0, 64, 1, 7, 2];
const after = [10, 0, 80, 1, 100 + 4096, 5, 800 + 16_384, 9, 0, 40, 99, 3, 0, 72, 1, 7 + 2048, 9];

describe('the block layer', () => {
  test('sectors are 512 bytes, and flushes are taken out of the writes they are counted among', () => {
    const between = blockCountersBetween(blockCountersOf(before), blockCountersOf(after));
    expect(between).toMatchObject({
      writeBytes: 8_388_608,
      writeOps: 2048,
      flushes: 2048,
      discardOps: 1,
      discardBytes: 4096,
      readBytes: 0,
      busyMs: 36,
    });
  });

  test('what an older kernel does not count is not counted, and not 0', () => {
    const old = blockCountersOf(before.slice(0, 11));
    expect(old).toMatchObject({ flushes: undefined, discardBytes: undefined, writeOps: 100 });
    const level = blockLevel('sda', blockCountersBetween(old, old));
    expect(level).toMatchObject({
      bytes: 0,
      flushes: { notReported: 'not counted by this kernel' },
    });
  });

  test('a disk that came back as another one has no difference', () => {
    expect(blockCountersBetween(blockCountersOf(after), blockCountersOf(before))).toBeUndefined();
    expect(blockLevel('sda', undefined).bytes).toHaveProperty('notReported');
  });

  test('a disk that is not there has no counters', async () => {
    expect(await readBlockCounters('no-such-disk')).toBeUndefined();
  });
});

describe('the drive', () => {
  test('data units are 512,000 bytes', () => {
    expect(hostBytesOf('{"data_units_written":2,"data_units_read":9}')).toBe(1_024_000n);
  });

  test('media units are bytes, in the old and the new names, and above 2^53 to the last byte', () => {
    const old = '{"Physical media units written":{"hi":0,"lo":12279729139712}}';
    expect(mediaBytesOf(old)).toBe(12_279_729_139_712n);
    const large = '{ "physical_media_units_written" : { "hi" : 1, "lo" : 18446744073709551615 } }';
    expect(mediaBytesOf(large)).toBe(2n ** 65n - 1n);
  });

  test('0 and no number both mean that the drive does not say', () => {
    const silence = { notReported: 'not reported by this drive' };
    expect(hostBytesOf('{"data_units_written":0}')).toEqual(silence);
    expect(hostBytesOf('{}')).toEqual(silence);
    expect(mediaBytesOf('{"physical_media_units_written":{"hi":0,"lo":0}}')).toEqual(silence);
    expect(mediaBytesOf('no such log page')).toEqual(silence);
  });

  test('only NVMe drives are asked, each log by its own command', async () => {
    const asked: string[] = [];
    const ask = async (args: readonly string[]): Promise<string> => {
      asked.push(args.join(' '));
      return args[0] === 'ocp'
        ? '{"physical_media_units_written":{"hi":0,"lo":3000000}}'
        : '{"data_units_written":3}';
    };
    expect(await readDriveCounters('vda', ask)).toEqual({
      hostBytes: { notReported: 'vda is no NVMe drive' },
      mediaBytes: { notReported: 'vda is no NVMe drive' },
    });
    expect(asked).toEqual([]);
    expect(await readDriveCounters('nvme0n1', ask)).toEqual({
      hostBytes: 1_536_000n,
      mediaBytes: 3_000_000n,
    });
    expect(asked).toEqual([
      'smart-log /dev/nvme0n1 --output-format=json',
      'ocp smart-add-log /dev/nvme0n1 --output-format=json',
    ]);
  });

  test('a reading that failed leaves no difference, and a count that fell neither', () => {
    const silence = { notReported: 'not reported by this drive' };
    const first = { hostBytes: 512_000n, mediaBytes: silence };
    const second = { hostBytes: 1_024_000n, mediaBytes: 5n };
    expect(driveLevel('nvme0n1', first, second)).toEqual({
      disk: 'nvme0n1',
      hostBytes: 512_000,
      hostBytesError: 512_000,
      mediaBytes: silence,
    });
    expect(driveLevel('nvme0n1', second, first).hostBytes).toHaveProperty('notReported');
  });
});

describe('levels side by side', () => {
  const counted: BlockCounters = blockCountersBetween(
    blockCountersOf(before),
    blockCountersOf(after),
  )!;
  const nothingDone = { userBytes: 0, writtenBytes: {}, flushes: 0, fuaWrites: 0 };
  const levels: WriteLevels = {
    userBytes: 4_194_304,
    engine: engineLevel(
      { ...nothingDone, userBytes: 100, writtenBytes: { superblock: 4096 } },
      {
        userBytes: 4_194_404,
        writtenBytes: { superblock: 4096, journal: 4_194_304 },
        flushes: 2048,
        fuaWrites: 1,
      },
      {
        userBytes: 4_194_404,
        writtenBytes: { superblock: 8192, journal: 4_194_304, destage: 2_093_056 },
        flushes: 2050,
        fuaWrites: 1,
      },
    ),
    blockLayer: [blockLevel('loop0', counted)],
    drives: [
      {
        disk: 'nvme0n1',
        hostBytes: { notReported: 'not reported by this drive' },
        hostBytesError: 512_000,
        mediaBytes: 9,
      },
    ],
  };

  test('@req K5: each ratio is of the levels it names, and a level without a number makes none', () => {
    expect(ratiosOfLevels(levels)).toEqual({
      engineOverUser: 1.5,
      blockOverUser: 2,
      mediaOverHost: { notReported: 'not reported by this drive' },
      flushesPerUserMebibyte: 512,
    });
    const nothing = ratiosOfLevels({ ...levels, userBytes: 0, blockLayer: [], drives: [] });
    expect(nothing.engineOverUser).toHaveProperty('notReported');
    expect(nothing.blockOverUser).toHaveProperty('notReported');
  });

  test('the table has a row for each level, with words where a number is missing', () => {
    const rows = writeLevelRows(levels);
    expect(rows.map(([level]) => level)).toEqual([
      'level',
      'user',
      'engine submitted',
      '  for superblock',
      '  for journal',
      '  for destage',
      '  of all these, to close',
      'block layer, loop0',
      'drive nvme0n1, from the host',
      'drive nvme0n1, to its medium',
    ]);
    const rowOf = (name: string): readonly string[] => rows.find(([level]) => level === name)!;
    expect(rowOf('block layer, loop0')).toEqual([
      ...['block layer, loop0', '8,388,608', '2.000'],
      ...['2,048', '', '4,096'],
    ]);
    expect(rowOf('drive nvme0n1, from the host')[1]).toBe('not reported by this drive');
    expect(rowOf('engine submitted')).toEqual([
      ...['engine submitted', '6,291,456', '1.500', '2,050', '1'],
    ]);
    expect(rowOf('  of all these, to close')[1]).toBe('2,097,152');
  });

  test('what an engine did before is not counted, and its parts are its whole', () => {
    const { bytes, bytesByPurpose, userBytes } = levels.engine as EngineLevel;
    expect(bytesByPurpose).toEqual({ superblock: 4096, journal: 4_194_304, destage: 2_093_056 });
    expect(Object.values(bytesByPurpose).reduce((sum, part) => sum + part)).toBe(bytes);
    expect(userBytes).toBe(4_194_304);
  });

  test('an engine that did not close is counted as far as it came, and says why', () => {
    const ended = { ...nothingDone, userBytes: 1, writtenBytes: { journal: 4096 } };
    const engine = engineLevel(nothingDone, ended, { notReported: 'it did not close: EIO' });
    expect(engine).toMatchObject({
      bytes: 4096,
      closingBytes: { notReported: 'it did not close: EIO' },
    });
    const rows = writeLevelRows({ ...levels, engine });
    expect(rows.map(([level]) => level)).toContain('user, as the engine counts');
  });
});
