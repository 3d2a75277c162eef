import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formatJournal, openJournal } from '../../engines/journal/index.ts';
import { openFileDevice } from '../device/file-device.ts';
import { createRealPlatform } from '../rigs/real-platform.ts';
import type { CliEnvironment } from './command-context.ts';
import { performCommandLine } from './command-line.ts';
import { reportFailure } from './report-failure.ts';
import { services } from './services.ts';

interface Answer {
  readonly exitCode: number;
  readonly out: string;
  readonly error: string;
}

const mebibyte = 2 ** 20;
const small = { ringPages: 64, dataBlocks: 64, batchPagesMax: 4, windowPages: 16 };
const platform = createRealPlatform();

let directory: string;
/** A journal that was killed after 12 writes: a log of 24 pages from slot 0 on, nothing in place. */
let killed: Buffer;
let image: string;

beforeAll(async () => {
  directory = fs.mkdtempSync(path.join(tmpdir(), 'powercut-journal-'));
  image = path.join(directory, 'x.img');
  fs.writeFileSync(image, Buffer.alloc(8 * mebibyte));
  await using device = await openFileDevice(image);
  await formatJournal({ journal: device }, small, platform);
  const options = { ...small, idleWatermark: false };
  await using journal = await openJournal({ journal: device }, options, platform);
  for (let block = 0; block < 12; block++) {
    await journal.write(block, new Uint8Array(4096).fill(block));
  }
  killed = fs.readFileSync(image);
});

beforeEach(() => {
  fs.writeFileSync(image, killed);
});

afterAll(() => {
  fs.rmSync(directory, { recursive: true });
});

async function journal(words: readonly string[], signal = AbortSignal.any([])): Promise<Answer> {
  let out = '';
  let error = '';
  const environment: CliEnvironment = {
    directory,
    isTerminal: false,
    columns: 80,
    interrupted: signal,
    services,
    writeOut: (text) => {
      out += text;
    },
    writeError: (text) => {
      error += text;
    },
  };
  const line = ['journal', ...words];
  try {
    return { exitCode: await performCommandLine(line, environment), out, error };
  } catch (failure) {
    return { exitCode: reportFailure(failure, line, environment), out, error };
  }
}

async function answerOf(...words: string[]): Promise<Record<string, unknown>> {
  return JSON.parse((await journal([...words, '--json'])).out) as Record<string, unknown>;
}

/** Of the file's contents and of when it was last written. */
function digest(file = image): string {
  const { mtimeMs } = fs.statSync(file);
  return `${createHash('sha256').update(fs.readFileSync(file)).digest('hex')} ${mtimeMs}`;
}

function harm(byteOffset: number, bytes: Uint8Array): void {
  const file = fs.openSync(image, 'r+');
  fs.writeSync(file, bytes, 0, bytes.length, byteOffset);
  fs.closeSync(file);
}

/** Page of the ring, as it is in the journal that was killed. */
const pageOffset = (slot: number): number => mebibyte + slot * 4096;
describe('powercut journal check', () => {
  it('exits with 0 for a log that a kill left whole, and says what recovery would do', async () => {
    const { exitCode, out } = await journal(['check', 'x.img']);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^CLEAN \(R5\): /);
    expect(out).toContain('would open: 12 records replayed, 12 blocks written');
  });

  it('exits with 1 for rot in the log and names rule, page and LSNs, as JSON too', async () => {
    harm(pageOffset(10) + 777, Uint8Array.of(0xff, 0xff));
    const { exitCode, out } = await journal(['check', 'x.img']);
    expect(exitCode).toBe(1);
    expect(out).toMatch(
      /^CORRUPT \(R1\): the records with LSN 8 to 14 were durable and are missing/,
    );
    expect(await answerOf('check', 'x.img')).toMatchObject({
      outcome: 'damaged',
      verdict: 'corrupt',
      rule: 'R1',
      lost: { fromLsn: 8, toLsn: 14, isCertain: true },
    });
  });

  it('keeps the names of its answer', async () => {
    harm(pageOffset(23) + 777, Uint8Array.of(0xff, 0xff));
    const answer = await answerOf('check', 'x.img');
    expect(Object.keys(answer).sort()).toEqual([
      ...['conclusion', 'copies', 'journal', 'log', 'lost', 'outcome'],
      ...['reasons', 'recovery', 'rule', 'verdict'],
    ]);
    expect(Object.keys(answer['log'] as object).sort()).toEqual([
      ...['batches', 'claimedEnd', 'durableBy', 'durableLsn', 'endPage', 'epoch', 'isRebuilt'],
      ...['lastLsn', 'newestPage', 'next', 'pages', 'pagesLeftOut', 'seenLsn', 'tailLsn'],
      ...['tailPage', 'verdict', 'windowPages'],
    ]);
  });

  it.each([
    ['a file that is not there', 'nowhere.img', 2, 'there is no such file or device'],
    ['a file that carries no journal', 'zeros.img', 2, 'journal format zeros.img --yes makes one'],
    ['an empty file', 'empty.img', 2, 'is empty'],
    ['a folder', '.', 2, 'neither a block device nor a regular file'],
  ])('explains %s', async (_, target, expected, message) => {
    fs.writeFileSync(path.join(directory, 'zeros.img'), Buffer.alloc(4 * mebibyte));
    fs.writeFileSync(path.join(directory, 'empty.img'), '');
    const { exitCode, error } = await journal(['check', target]);
    expect(exitCode).toBe(expected);
    expect(error).toContain(message);
    expect(error.trimEnd()).not.toContain('\n');
  });

  it('exits with 4 for an encrypted journal without its key, and for a wrong key', async () => {
    const keys = path.join(directory, 'keys');
    const others = path.join(directory, 'others');
    fs.writeFileSync(keys, `${'5a1f'.repeat(15)}0123\n`, { mode: 0o600 });
    fs.writeFileSync(others, `${'c35b'.repeat(15)}4567\n`, { mode: 0o600 });
    const target = path.join(directory, 'sealed.img');
    fs.rmSync(target, { force: true });
    const made = await journal([
      ...['format', 'sealed.img', '--size', '8MiB', '--key-file', 'keys', '--yes'],
    ]);
    expect(made.exitCode).toBe(0);
    const without = await journal(['check', 'sealed.img']);
    expect(without.exitCode).toBe(4);
    expect(without.out).toContain('no key was given');
    const wrong = await journal(['check', 'sealed.img', '--key-file', 'others']);
    expect(wrong.exitCode).toBe(4);
    expect(wrong.error).toContain('expected the key that it was sealed with');
    expect((await journal(['check', 'sealed.img', '--key-file', 'keys'])).exitCode).toBe(0);
  });
});

describe('the tools that only read', () => {
  it.each([
    ['info', ['info', 'x.img']],
    ['check', ['check', 'x.img']],
    ['dump', ['dump', 'x.img', '--records', '--hex']],
    ['recover --dry-run', ['recover', 'x.img', '--dry-run']],
  ])('leave the file as it is: %s (@req D6)', async (_, words) => {
    // One copy of the superblock to repair, and a log to replay.
    harm(128 * 1024 + 9, Uint8Array.of(0xff));
    harm(64 * 1024 + 9, Uint8Array.of(0xff));
    const before = digest();
    expect((await journal(words)).exitCode).toBe(0);
    expect(digest()).toBe(before);
  });

  it('work on a file that may only be read', async () => {
    fs.chmodSync(image, 0o400);
    expect((await journal(['info', 'x.img'])).exitCode).toBe(0);
    fs.chmodSync(image, 0o600);
  });

  it('open an image of a drive with blocks of 512 bytes as that', async () => {
    fs.rmSync(path.join(directory, 'y.img'), { force: true });
    const words = ['format', 'y.img', '--size', '8MiB', '--block-size', '512', '--yes'];
    expect((await journal(words)).exitCode).toBe(0);
    expect(await answerOf('info', 'y.img')).toMatchObject({
      geometry: { logicalBlockBytes: 512, atomicUnitBytes: 512 },
    });
    expect((await journal(['recover', 'y.img'])).exitCode).toBe(0);
  });
});

describe('powercut journal info', () => {
  it('says where the log begins and ends', async () => {
    const { out } = await journal(['info', 'x.img']);
    expect(out).toMatch(/^ {2}head +page 88, LSN 16 \(end clean \(R5\)\)$/m);
    expect(out).toMatch(/^ {2}slot 3 +byte \d+ +valid/m);
  });

  it('keeps the names of its answer', async () => {
    expect(Object.keys(await answerOf('info', 'x.img')).sort()).toEqual([
      ...['areas', 'consumers', 'doubleWrite', 'durability', 'epochs', 'formatVersion'],
      ...['freePlaces', 'geometry', 'isClean', 'isStrict', 'keyId', 'log', 'mode', 'outcome'],
      ...['superblocks', 'trustsAtomicUnit', 'uuid'],
    ]);
  });

  it('exits with 1 where no copy of the superblock is whole', async () => {
    const size = 8 * mebibyte;
    for (const end of [0, size - mebibyte]) {
      for (const slot of [1, 2]) harm(end + slot * 65_536 + 99, Uint8Array.of(0xff, 0xff));
    }
    const { exitCode, error } = await journal(['info', 'x.img']);
    expect(exitCode).toBe(1);
    expect(error).toContain('all four copies of the superblock are damaged');
  });
});

describe('powercut journal dump', () => {
  it('prints one line of JSON per item', async () => {
    const { out } = await journal(['dump', 'x.img', '--records', '--json']);
    const items = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string });
    const count = (kind: string): number => items.filter((item) => item.kind === kind).length;
    expect([count('journal'), count('page'), count('record'), count('rest')]).toEqual([
      1, 24, 15, 1,
    ]);
  });

  it('shows one page with its records', async () => {
    const { out } = await journal(['dump', 'x.img', '--page', '64']);
    expect(out).toMatch(/^page 64 +slot 0 +current +epoch 2 {2}batch 1 1\/2/m);
    expect(out).toMatch(/^ +LSN 1 +0x8106 EpochStart/m);
  });

  it.each([
    ['--from here', ['--from', 'here'], 'expected page=N or lsn=N'],
    ['--page with --count', ['--page', '64', '--count', '2'], '--page shows one page'],
  ])('refuses %s', async (_, words, message) => {
    const { exitCode, error } = await journal(['dump', 'x.img', ...words]);
    expect(exitCode).toBe(2);
    expect(error).toContain(message);
  });

  it('says which LSNs there are where one is asked for that is not', async () => {
    const { exitCode, error } = await journal(['dump', 'x.img', '--from', 'lsn=0']);
    expect(exitCode).toBe(2);
    expect(error).toContain('fromLsn');
  });
});

describe('powercut journal recover', () => {
  it('recovers once and has nothing to replay the next time', async () => {
    expect(await answerOf('recover', 'x.img')).toMatchObject({
      recordsReplayed: 12,
      blocksWritten: 12,
    });
    expect(await answerOf('recover', 'x.img')).toMatchObject({
      wasClean: true,
      recordsReplayed: 0,
    });
  });

  it('exits with 1 for a corrupt journal, and leaves it as it is (@req C8)', async () => {
    harm(pageOffset(10) + 777, Uint8Array.of(0xff, 0xff));
    const before = digest();
    const { exitCode, error } = await journal(['recover', 'x.img']);
    expect(exitCode).toBe(1);
    expect(error).toContain('LSN 8 to 14 were durable and are missing (rule R1)');
    expect(digest()).toBe(before);
    expect(await answerOf('recover', 'x.img')).toMatchObject({
      error: { code: 'CORRUPT' },
      exitCode: 1,
    });
  });

  it('stops between two requests when it is interrupted, and can go on later', async () => {
    const { exitCode } = await journal(['recover', 'x.img'], AbortSignal.abort('SIGINT'));
    expect(exitCode).toBe(130);
    expect(await answerOf('recover', 'x.img')).toMatchObject({ recordsReplayed: 12 });
  });
});

describe('powercut journal format', () => {
  it('writes nothing without --yes (@req D6)', async () => {
    const before = digest();
    const { exitCode, error } = await journal(['format', 'x.img']);
    expect(exitCode).toBe(2);
    expect(error).toContain(`this overwrites ${image} (a file of 8388608 bytes)`);
    expect(digest()).toBe(before);
  });

  it('refuses a journal that is there until its uuid is named (@req D6)', async () => {
    const { uuid } = (await answerOf('info', 'x.img')) as { uuid: string };
    const before = digest();
    const refused = await journal(['format', 'x.img', '--yes']);
    expect(refused.exitCode).toBe(3);
    expect(refused.error).toContain(`--force ${uuid}`);
    expect(digest()).toBe(before);
    const made = await answerOf('format', 'x.img', '--yes', '--force', uuid.slice(0, 8));
    expect(made['uuid']).not.toBe(uuid);
  });

  it('refuses a file with a signature, also next to a journal’s remains (@req D6)', async () => {
    harm(1080, Uint8Array.of(0x53, 0xef));
    const { exitCode, error } = await journal(['format', 'x.img', '--yes']);
    expect(exitCode).toBe(3);
    expect(error).toContain('carries ext2, ext3 or ext4 file system');
  });

  it('makes an image of the size and kind that is asked for, as its owner only', async () => {
    const target = path.join(directory, 'new.img');
    const made = await answerOf(
      ...['format', 'new.img', '--size', '16MiB', '--ring-size', '4MiB', '--page-size', '16k'],
      ...['--data-size', '8MiB', '--durability', 'flush', '--strict', '--yes'],
    );
    expect(made).toMatchObject({
      isStrict: true,
      geometry: { pageBytes: 16_384, ringPages: 256, dataBlocks: 2048 },
      durability: { journal: { path: 'flush' } },
    });
    expect(fs.statSync(target)).toMatchObject({ size: 16 * mebibyte });
    const again = await journal(['format', 'new.img', '--size', '16MiB', '--yes']);
    expect(again.exitCode).toBe(2);
    expect(again.error).toContain('exists');
    expect(fs.existsSync(target)).toBe(true);
  });

  it.each([
    ['too small', ['--size', '2MiB'], 'too small'],
    ['a page size that is none', ['--size', '8MiB', '--page-size', '8k'], 'pageBytes'],
    ['a mode that is none', ['--size', '8MiB', '--mode', 'fast'], 'mode'],
    ['a ring that does not fit', ['--size', '8MiB', '--ring-size', '64MiB'], 'too small'],
    [
      'two places of a key',
      ['--size', '8MiB', '--key-env', 'A', '--key-file', 'b'],
      'expected one',
    ],
  ])('leaves no file behind when it is refused: %s', async (_, words, message) => {
    const { exitCode, error } = await journal(['format', 'bad.img', ...words, '--yes']);
    expect(exitCode).toBe(2);
    expect(error).toContain(message);
    expect(fs.existsSync(path.join(directory, 'bad.img'))).toBe(false);
  });

  it('leaves no file behind when it is interrupted', async () => {
    const words = ['format', 'cut.img', '--size', '8MiB', '--yes'];
    expect((await journal(words, AbortSignal.abort('SIGTERM'))).exitCode).toBe(143);
    expect(fs.existsSync(path.join(directory, 'cut.img'))).toBe(false);
  });

  it('takes a second image for the data, which check and recover then need', async () => {
    for (const name of ['log.img', 'data.img']) {
      fs.writeFileSync(path.join(directory, name), Buffer.alloc(8 * mebibyte));
    }
    const both = ['log.img', '--data-device', 'data.img'];
    expect((await journal(['format', ...both, '--yes'])).exitCode).toBe(0);
    expect((await journal(['check', 'log.img'])).exitCode).toBe(4);
    expect((await journal(['check', ...both])).exitCode).toBe(0);
    expect((await journal(['recover', 'log.img'])).exitCode).toBe(4);
    expect((await journal(['recover', ...both])).exitCode).toBe(0);
    const over = await journal(['format', 'data.img', '--yes']);
    expect(over.exitCode).toBe(3);
    expect(over.error).toContain('--force journal');
  });
});

describe('powercut journal bench', () => {
  it('needs --yes, and then prints what appends took', async () => {
    const before = digest();
    const refused = await journal(['bench', 'x.img']);
    expect(refused.exitCode).toBe(2);
    expect(digest()).toBe(before);
    const { exitCode, out } = await journal([
      'bench',
      'x.img',
      '--seconds',
      '1',
      '--writers',
      '4',
      '--yes',
      '--json',
    ]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      device: expect.stringContaining(image) as string,
      rows: [{ writers: 4, payloadBytes: expect.any(Number) as number }],
    });
    expect(await answerOf('check', 'x.img')).toMatchObject({ verdict: 'clean' });
  });
});

describe('the help of powercut journal', () => {
  it.each(['format', 'info', 'check', 'dump', 'recover', 'bench'])(
    'shows examples of %s',
    async (tool) => {
      const { exitCode, out } = await journal([tool, '--help']);
      expect(exitCode).toBe(0);
      expect(out).toContain(`  $ powercut journal ${tool}`);
    },
  );

  it('lists the exit codes', async () => {
    expect((await journal(['--help'])).out).toContain(
      '1  corrupt: acknowledged records are missing',
    );
  });
});
