import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineRefusal } from '../../../harness/contract/index.ts';
import { fixedKey } from './fixed-key.fixture.ts';
import { formatKeyId, keyIdOf, type KeyId } from './key-provider.ts';
import { keyProviderOf, keySource } from './key-source.ts';

const hexOf = (key: Uint8Array): string => Buffer.from(key).toString('hex');
const base64Of = (key: Uint8Array): string => Buffer.from(key).toString('base64');

let folder = '';
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(tmpdir(), 'powercut-keys-'));
});
afterAll(() => {
  fs.rmSync(folder, { recursive: true });
});

function keyFile(contents: string | Uint8Array, mode = 0o600): string {
  const file = path.join(fs.mkdtempSync(path.join(folder, 'k-')), 'journal.key');
  fs.writeFileSync(file, contents);
  fs.chmodSync(file, mode);
  return file;
}

/** What a promise was rejected with; it must be a refusal. */
async function refusalOf(answer: Promise<unknown>): Promise<EngineRefusal> {
  const error: unknown = await answer.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EngineRefusal);
  return error as EngineRefusal;
}

const newest = (source: Parameters<typeof keyProviderOf>[0], environment = {}): Promise<KeyId> =>
  keyProviderOf(source, environment).newestKeyId();

/** @req C7 */
describe('a key file', () => {
  it('holds 32 raw bytes, or hexadecimal digits with or without a line end, or base64', async () => {
    const key = fixedKey(140);
    const contents = [key, hexOf(key), `${hexOf(key).toUpperCase()}\r\n`, `${base64Of(key)}\n`];
    for (const content of contents) {
      const keys = keyProviderOf({ file: keyFile(content) });
      expect(await keys.newestKeyId()).toEqual(keyIdOf(key));
      expect(await keys.keyFor(keyIdOf(key))).toEqual(key);
    }
  });

  it('holds several keys, of which the first seals and every one opens', async () => {
    const file = keyFile(`${hexOf(fixedKey(3))}\n${hexOf(fixedKey(2))}\n${hexOf(fixedKey(1))}\n`);
    const keys = keyProviderOf({ file });
    expect(await keys.newestKeyId()).toEqual(keyIdOf(fixedKey(3)));
    for (const first of [1, 2, 3]) {
      expect(await keys.keyFor(keyIdOf(fixedKey(first)))).toEqual(fixedKey(first));
    }
  });

  it('is read anew each time, and hands out copies', async () => {
    const file = keyFile(hexOf(fixedKey(1)));
    const keys = keyProviderOf({ file });
    (await keys.keyFor(keyIdOf(fixedKey(1)))).fill(0);
    expect(await keys.keyFor(keyIdOf(fixedKey(1)))).toEqual(fixedKey(1));
    fs.writeFileSync(file, hexOf(fixedKey(2)));
    expect(await keys.newestKeyId()).toEqual(keyIdOf(fixedKey(2)));
  });

  it.each(['0640', '0604', '0620', '0601'])('is refused with mode %s', async (mode) => {
    const file = keyFile(hexOf(fixedKey(1)), parseInt(mode, 8));
    const { message } = await refusalOf(newest({ file }));
    expect(message).toContain(`mode ${mode}`);
    expect(message).toContain(`chmod 600 ${file}`);
  });

  it('is refused where it is missing, a folder, a pipe or too large, without waiting', async () => {
    const missing = await refusalOf(newest({ file: path.join(folder, 'missing') }));
    expect(missing.message).toMatch(/missing \(ENOENT\): .*openssl rand -hex 32/);
    const pipe = path.join(folder, 'pipe');
    spawnSync('sh', ['-c', `mkfifo -m 600 '${pipe}'`]);
    for (const file of [folder, pipe]) {
      expect((await refusalOf(newest({ file }))).message).toContain('no regular file');
    }
    const large = await refusalOf(newest({ file: keyFile('a'.repeat(100_000)) }));
    expect(large.message).toContain('100000 bytes long');
  });

  it.each([
    ['nothing', '\n\n', 'there is no key in'],
    ['a digit too few', hexOf(fixedKey(1)).slice(1), 'key 1 of 1 in the key file'],
    [
      'a second line cut short',
      `${hexOf(fixedKey(1))}\n${hexOf(fixedKey(2)).slice(2)}`,
      'key 2 of 2',
    ],
    [
      'raw bytes and a line end',
      Buffer.concat([fixedKey(140), Buffer.from('\n')]),
      '33 bytes that are no text',
    ],
    ['a passphrase of 32 characters', 'correct horse battery staple 123', '32 characters of text'],
    ['half a key in hexadecimal', hexOf(fixedKey(1)).slice(32), '32 characters of text'],
    ['zeros', new Uint8Array(32), 'one byte repeated'],
    ['zeros in hexadecimal', '0'.repeat(64), 'one byte repeated'],
  ])('is refused that holds %s', async (_, contents, reason) => {
    const { message } = await refusalOf(newest({ file: keyFile(contents) }));
    expect(message).toContain(reason);
    expect(message).toContain('expected');
  });
});

describe('an environment variable', () => {
  it('holds keys in hexadecimal or base64, newest first', async () => {
    const value = `${base64Of(fixedKey(2))} ${hexOf(fixedKey(1))}`;
    const keys = keyProviderOf({ environment: 'JOURNAL_KEY' }, { JOURNAL_KEY: value });
    expect(await keys.newestKeyId()).toEqual(keyIdOf(fixedKey(2)));
    expect(await keys.keyFor(keyIdOf(fixedKey(1)))).toEqual(fixedKey(1));
  });

  it('is refused by name where it is not set, or no key', async () => {
    const source = { environment: 'JOURNAL_KEY' };
    expect((await refusalOf(newest(source))).message).toContain('JOURNAL_KEY is not set');
    for (const value of ['', 'secret', base64Of(fixedKey(1)).slice(2)]) {
      const { message } = await refusalOf(newest(source, { JOURNAL_KEY: value }));
      expect(message).toContain('in the environment variable JOURNAL_KEY');
    }
  });

  it('is that of the process, if none is handed in', async () => {
    process.env['POWERCUT_TEST_KEY'] = hexOf(fixedKey(1));
    const keys = keyProviderOf({ environment: 'POWERCUT_TEST_KEY' });
    expect(await keys.newestKeyId()).toEqual(keyIdOf(fixedKey(1)));
    delete process.env['POWERCUT_TEST_KEY'];
  });
});

describe('a key that is not there', () => {
  it('is refused before any page is opened, by its name and the names that are there', async () => {
    const keys = keyProviderOf({ file: keyFile(`${hexOf(fixedKey(3))}\n${hexOf(fixedKey(2))}`) });
    const { message, reason } = await refusalOf(keys.keyFor(keyIdOf(fixedKey(1))));
    expect(reason).toBe('incompatible');
    for (const first of [1, 2, 3]) expect(message).toContain(formatKeyId(keyIdOf(fixedKey(first))));
  });
});

describe('secrets', () => {
  /** Any 4 bytes in a row of a key, in the forms that a message could have them in. */
  function isLeaked(text: string, key: Uint8Array): boolean {
    const forms = [hexOf(key), base64Of(key)].flatMap((form) =>
      Array.from({ length: form.length - 7 }, (_, at) => form.slice(at, at + 8)),
    );
    return forms.some((form) => text.toLowerCase().includes(form.toLowerCase()));
  }

  it('are in no message, cause, stack or description', async () => {
    const key = fixedKey(140);
    const spoilt = [
      hexOf(key).slice(1),
      `${hexOf(key)}0`,
      base64Of(key).slice(1),
      `${hexOf(key)},`,
    ];
    const environment = Object.fromEntries(spoilt.map((value, index) => [`K${index}`, value]));
    const held = keyProviderOf({ environment: 'HELD' }, { HELD: hexOf(key) });
    const refused = [
      refusalOf(held.keyFor(keyIdOf(fixedKey(1)))),
      refusalOf(newest({ file: keyFile(hexOf(key), 0o644) })),
      ...spoilt.map((value) => refusalOf(newest({ file: keyFile(value) }))),
      ...spoilt.map((_, index) => refusalOf(newest({ environment: `K${index}` }, environment))),
    ];
    const errors = await Promise.all(refused);
    for (const { message, stack, cause } of errors) {
      expect(isLeaked(`${message} ${stack ?? ''} ${JSON.stringify(cause)}`, key)).toBe(false);
    }
    expect(isLeaked(`${held.description} ${JSON.stringify(held)}`, key)).toBe(false);
    expect(isLeaked(`key ${hexOf(key).slice(20, 30)}`, key)).toBe(true);
  });

  it('are refused as the place of a key, and not repeated', () => {
    // A key whose hexadecimal form could be the name of a variable.
    const key = fixedKey(0xa0);
    const mistaken = [
      { file: hexOf(key) },
      { file: base64Of(key) },
      { environment: hexOf(key) },
      { environment: base64Of(key) },
      hexOf(key),
      { key: hexOf(key) },
    ];
    for (const source of mistaken) {
      const { success, error } = keySource.safeParse(source);
      expect(success).toBe(false);
      expect(isLeaked(error?.message ?? '', key)).toBe(false);
    }
  });
});

describe('the option', () => {
  it('is one place, and what else is in it is refused', () => {
    expect(keySource.parse({ file: './journal.key' })).toEqual({ file: './journal.key' });
    expect(keySource.parse({ environment: 'A_1' })).toEqual({ environment: 'A_1' });
    for (const source of [
      {},
      { file: '' },
      { environment: 'A-1' },
      { file: 'a', environment: 'B' },
    ]) {
      expect(keySource.safeParse(source).success).toBe(false);
    }
  });

  it('says what is wrong with it', () => {
    const { error } = keySource.safeParse({ environment: 'f'.repeat(64) });
    expect(error?.message).toContain('looks like a key itself');
  });
});
