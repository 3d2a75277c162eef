import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import type { BlockDevice } from '../contract/index.ts';
import { openFileDevice } from './file-device.ts';
import type { TargetOptions } from './device-target.ts';

const byteCount = 64 * 1024;
let file = '';

beforeEach(() => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-file-device-'));
  file = path.join(folder, 'image');
  fs.writeFileSync(file, Buffer.alloc(byteCount));
  return () => {
    fs.rmSync(folder, { recursive: true, force: true });
  };
});

async function open(options: TargetOptions = {}): Promise<BlockDevice> {
  const device = await openFileDevice(file, options);
  onTestFinished(() => device[Symbol.asyncDispose]());
  return device;
}

test('says what it is', async () => {
  const device = await open();
  expect(device.name).toMatch(/image \(thread pool, (direct|buffered)\)$/);
  expect(device.geometry.capacityBlocks).toBe(16);
});

test('its own memory and foreign memory carry the same bytes', async () => {
  const device = await open();
  const own = device.allocate(4096).fill(0x21);
  const foreign = Buffer.alloc(8192, 0x42);
  expect(await device.write(0, own, { fua: false })).toBe(4096);
  expect(await device.write(1, foreign, { fua: true })).toBe(8192);
  await device.flush();
  const back = Buffer.alloc(12_288);
  expect(await device.read(0, back)).toBe(12_288);
  expect(back.subarray(0, 4096).equals(own)).toBe(true);
  expect(back.subarray(4096).equals(foreign)).toBe(true);
  expect(fs.readFileSync(file).subarray(0, 12_288).equals(back)).toBe(true);
});

test('requests in flight together are all answered', async () => {
  const device = await open();
  const buffers = Array.from({ length: 16 }, (_, lba) => device.allocate(4096).fill(lba + 1));
  await Promise.all(buffers.map((buffer, lba) => device.write(lba, buffer, { fua: false })));
  const back = device.allocate(byteCount);
  await device.read(0, back);
  expect(buffers.every((buffer, lba) => buffer[0] === back[lba * 4096])).toBe(true);
});

test('a discard leaves the blocks as they were', async () => {
  const device = await open();
  await device.write(3, device.allocate(4096).fill(5), { fua: false });
  await device.discard(3, 1);
  const back = device.allocate(4096);
  await device.read(3, back);
  expect(back[0]).toBe(5);
});

test('a range off the device, or of part of a block, is EINVAL', async () => {
  const device = await open();
  const failure = { name: 'DeviceError', code: 'EINVAL' };
  await expect(device.read(16, device.allocate(4096))).rejects.toMatchObject(failure);
  await expect(device.write(0, new Uint8Array(100), { fua: false })).rejects.toMatchObject(failure);
  await expect(device.discard(15, 2)).rejects.toMatchObject(failure);
  expect(fs.statSync(file).size).toBe(byteCount);
});

test('a write without the right to write is an I/O error that names EBADF', async () => {
  const device = await open({ access: 'read-only' });
  const answer = device.write(0, device.allocate(4096), { fua: false });
  await expect(answer).rejects.toMatchObject({ name: 'DeviceError', code: 'EIO' });
  await expect(answer).rejects.toThrow(/EBADF/);
});

test('after disposal nothing is answered, not even what was in flight', async () => {
  const device = await open();
  let answers = 0;
  const count = (): void => {
    answers++;
  };
  device.write(0, device.allocate(4096), { fua: false }).then(count, count);
  await device[Symbol.asyncDispose]();
  device.read(0, device.allocate(4096)).then(count, count);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(answers).toBe(0);
});

test('a path that is not there is a failed system call with its name', async () => {
  await expect(openFileDevice(path.join(path.dirname(file), 'none'))).rejects.toThrow(/ENOENT/);
});
