import * as fs from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { importsOf } from '../../../tools/import-rule.ts';
import { blockDigest, crc32c, mix, unmix } from './checksums.fixture.ts';
import { engineExamples, examplesIn, notationOf } from './examples.fixture.ts';
import { Fields } from './medium.fixture.ts';
import { parseRecord } from './record.fixture.ts';
import { parseWhole } from './superblock.fixture.ts';

const readme = fs.readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const inReadme = examplesIn(readme);
let written: ReadonlyMap<string, Uint8Array>;

beforeAll(async () => {
  written = await engineExamples();
});

describe('the examples of README.md', () => {
  it('are what the engine writes, to the byte, and all of it (@req C1)', () => {
    expect([...inReadme.keys()]).toEqual([...written.keys()]);
    for (const [name, bytes] of written) {
      expect(`${name}\n${notationOf(inReadme.get(name)!)}`).toBe(`${name}\n${notationOf(bytes)}`);
    }
  });

  it('are read by the reader as they are described', () => {
    const superblock = parseWhole(inReadme.get('Superblock')!);
    expect(superblock).toMatchObject({
      sequence: 1,
      mode: 'journal',
      ringPages: 16,
      atomicUnit: 512,
    });
    const lsns = { EpochStart: 1, SegHdr: 2, Append: 3, BlockWrite: 4, TxnBegin: 5, TxnCommit: 8 };
    for (const [name, lsn] of Object.entries(lsns)) {
      expect(parseRecord(inReadme.get(name)!, lsn).lsn).toBe(lsn);
    }
  });

  it('have the golden vector of the record header among them in words (@req C1)', () => {
    const hex = /payload `hello nodedb`: `([0-9a-f]+)`/.exec(readme)![1]!;
    const bytes = Buffer.concat([Buffer.from(hex, 'hex'), Buffer.from('hello nodedb')]);
    expect(parseRecord(bytes, 42)).toMatchObject({ type: 0x8001, tenant: 7, vshard: 3 });
  });
});

describe('the reader', () => {
  it('shares no code with the engine', () => {
    const folder = new URL('.', import.meta.url);
    const makers = ['engine-run.fixture.ts', 'examples.fixture.ts'];
    const readers = fs
      .readdirSync(folder)
      .filter((file) => file.endsWith('.fixture.ts') && !makers.includes(file));
    expect(readers).toContain('read-journal.fixture.ts');
    for (const file of readers) {
      const source = fs.readFileSync(new URL(file, folder), 'utf8');
      const packages = [...source.matchAll(/from '([^.][^']*)'/g)].map((match) => match[1]);
      expect(packages.every((name) => name!.startsWith('node:'))).toBe(true);
      for (const target of importsOf(source)) expect(readers).toContain(target.replace('./', ''));
    }
  });

  it('has the checksums that README.md names', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    for (const word of [0, 1, 0x9e3779b9, 0xffffffff]) expect(unmix(mix(word))).toBe(word);
    const selfChecked = [1, 2].map((fill) => {
      const block = new Uint8Array(4096).fill(fill);
      new DataView(block.buffer).setUint32(4092, crc32c(block.subarray(0, 4092)), true);
      return block;
    });
    const [one, other] = selfChecked as [Uint8Array, Uint8Array];
    expect(crc32c(one)).toBe(crc32c(other));
    expect(blockDigest(one)).not.toBe(blockDigest(other));
    expect(new Fields(one).u32(4092)).not.toBe(new Fields(other).u32(4092));
  });
});
