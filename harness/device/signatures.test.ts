import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findSignatures } from './signatures.ts';

const byteCount = 4 * 1024 * 1024;
let image = '';

beforeAll(() => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-signatures-'));
  image = path.join(folder, 'image');
});
afterAll(() => {
  fs.rmSync(path.dirname(image), { recursive: true, force: true });
});

async function found(byteOffset: number, mark: Buffer): Promise<readonly string[]> {
  const bytes = Buffer.alloc(byteCount);
  mark.copy(bytes, byteOffset);
  fs.writeFileSync(image, bytes);
  return findSignatures(image, byteCount);
}

test('zeros and plain data carry no signature', async () => {
  expect(await found(0, Buffer.alloc(0))).toEqual([]);
  expect(await found(0, Buffer.alloc(byteCount, 0xa5))).toEqual([]);
});

test.each([
  ['MBR partition table or boot sector', 510, '55aa'],
  ['GPT partition table', 512, '4546492050415254'],
  ['GPT partition table', 4096, '4546492050415254'],
  ['GPT partition table', byteCount - 512, '4546492050415254'],
  ['GPT partition table', byteCount - 4096, '4546492050415254'],
  ['ext2, ext3 or ext4 file system', 1024 + 56, '53ef'],
  ['XFS file system', 0, '58465342'],
  ['Btrfs file system', 65_536 + 64, '5f42485266535f4d'],
  ['swap space', 4096 - 10, '53574150535041434532'],
  ['swap space', 65_536 - 10, '53574150535041434532'],
  ['LVM physical volume', 512, '4c4142454c4f4e45'],
  ['md RAID member', 4096, 'fc4e2ba9'],
  ['md RAID member', byteCount - 65_536, 'fc4e2ba9'],
  ['md RAID member', byteCount - 8192, 'fc4e2ba9'],
  ['LUKS encrypted volume', 0, '4c554b53babe'],
  ['ZFS pool member', 128 * 1024 + 5 * 1024, '0cb1ba0000000000'],
  ['ZFS pool member', byteCount - 128 * 1024, '0000000000bab10c'],
])('%s is found at byte %d', async (name, byteOffset, mark) => {
  expect(await found(byteOffset, Buffer.from(mark, 'hex'))).toEqual([name]);
});

test('a device smaller than the places of the marks is looked at all the same', async () => {
  fs.writeFileSync(image, Buffer.from('XFSB'.padEnd(512, '\0')));
  expect(await findSignatures(image, 512)).toEqual(['XFS file system']);
});
