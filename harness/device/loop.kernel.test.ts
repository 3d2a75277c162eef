import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createBackingFile } from './backing-file.ts';
import { deviceFacts } from './device-facts.ts';
import { createLoopDevice } from './loop.ts';

const byteCount = 4 * 1024 * 1024;
let folder = '';
let file = '';

beforeEach(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-loop-'));
  file = path.join(folder, 'file');
  await createBackingFile(file, byteCount);
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

test.each([512, 4096] as const)('a loop device has the sector size asked for: %d', async (size) => {
  await using loop = await createLoopDevice(file, { logicalBlockBytes: size });
  expect(await deviceFacts(loop.node)).toMatchObject({
    kind: 'block-device',
    logicalBlockBytes: size,
    byteCount,
    writeCache: 'write back',
    backingFile: file,
    isPartition: false,
  });
});

test('direct I/O of the loop driver is on unless it is switched off', async () => {
  await using off = await createLoopDevice(file, { directIo: false });
  expect(off.directIo).toBe(false);
  await off.detach();
  await using loop = await createLoopDevice(file, { logicalBlockBytes: 4096 });
  const setting = fs.readFileSync(`/sys/block/${path.basename(loop.node)}/loop/dio`, 'utf8');
  expect(setting.trim() === '1').toBe(loop.directIo);
});

test('detaching twice leaves alone whoever got the node in between', async () => {
  const first = await createLoopDevice(file);
  await first.detach();
  const other = path.join(folder, 'other');
  await createBackingFile(other, byteCount);
  await using second = await createLoopDevice(other);
  // The kernel gives out the lowest free node.
  expect(second.node).toBe(first.node);
  await first.detach();
  expect(await deviceFacts(second.node)).toMatchObject({ backingFile: other });
});

test('a file that is gone is still detached from', async () => {
  const loop = await createLoopDevice(file);
  fs.rmSync(file);
  await loop.detach();
  expect(fs.existsSync(`/sys/block/${path.basename(loop.node)}/loop`)).toBe(false);
});

test('a backing file is never written over', async () => {
  await expect(createBackingFile(file, byteCount)).rejects.toMatchObject({ code: 'EEXIST' });
});

test('a missing file is named in the error', async () => {
  await expect(createLoopDevice(path.join(folder, 'none'))).rejects.toThrow(/none/);
});
