import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockDevice } from './device-lock.ts';
import {
  deviceByteCount,
  deviceLogicalBlockBytes,
  discardRange,
  dropDeviceCache,
} from './ioctl.ts';
import { loadSystemCalls, type SystemCalls } from './libc.ts';
import { mountFileSystem, mountFlag, unmount, unmountFlag } from './mount.ts';

const byteCount = 4 * 1024 * 1024;
let calls: SystemCalls;
let folder = '';
let node = '';
let fd = -1;

beforeEach(async () => {
  const answer = await loadSystemCalls();
  if (!answer.available) throw new Error(answer.reason);
  calls = answer.calls;
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-ioctl-'));
  const file = path.join(folder, 'file');
  fs.writeFileSync(file, Buffer.alloc(byteCount, 0x11));
  const args = ['--find', '--show', '--sector-size', '4096', file];
  node = (await execa('losetup', args)).stdout.trim();
  fd = fs.openSync(node, 'r+');
});

afterEach(async () => {
  fs.closeSync(fd);
  await execa('losetup', ['--detach', node]);
  fs.rmSync(folder, { recursive: true, force: true });
});

test('size and block size of a device', () => {
  expect(deviceByteCount(calls, fd)).toBe(byteCount);
  expect(deviceLogicalBlockBytes(calls, fd)).toBe(4096);
});

test('a discarded range reads as zeros on a loop device, its neighbours as before', () => {
  discardRange(calls, fd, 8192, 4096);
  const bytes = Buffer.alloc(3 * 4096);
  fs.readSync(fd, bytes, 0, bytes.byteLength, 4096);
  expect([bytes[0], bytes[4096], bytes[8191], bytes[8192]]).toEqual([0x11, 0, 0, 0x11]);
});

test('after its cache is dropped, a device is read anew', () => {
  const bytes = Buffer.alloc(4096);
  fs.readSync(fd, bytes, 0, 4096, 0);
  // Changes the medium behind the back of the device's page cache.
  const backing = fs.openSync(path.join(folder, 'file'), 'r+');
  fs.writeSync(backing, Buffer.alloc(4096, 0x22), 0, 4096, 0);
  fs.closeSync(backing);
  fs.readSync(fd, bytes, 0, 4096, 0);
  expect(bytes[0]).toBe(0x11);
  dropDeviceCache(calls, fd);
  fs.readSync(fd, bytes, 0, 4096, 0);
  expect(bytes[0]).toBe(0x22);
});

test('a request that does not suit the file says what failed', () => {
  const file = fs.openSync(path.join(folder, 'file'), 'r');
  expect(() => deviceByteCount(calls, file)).toThrow(/ioctl BLKGETSIZE64 failed: ENOTTY/);
  fs.closeSync(file);
});

test('a locked device is not locked a second time', async () => {
  const second = fs.openSync(node, 'r');
  await lockDevice(calls, fd, 0);
  await expect(lockDevice(calls, second, 40)).rejects.toThrow(/flock failed: EAGAIN/);
  fs.closeSync(second);
});

test('mount and umount take effect, and fail with the errno and the names', async () => {
  await execa('mkfs.ext4', ['-q', '-F', node]);
  const target = path.join(folder, 'mnt');
  fs.mkdirSync(target);
  const request = { source: node, target, fileSystem: 'ext4', flags: mountFlag.readOnly };
  await mountFileSystem(calls, { ...request, options: 'errors=continue' });
  expect(fs.existsSync(path.join(target, 'lost+found'))).toBe(true);
  await unmount(calls, target, unmountFlag.detach);
  expect(fs.existsSync(path.join(target, 'lost+found'))).toBe(false);
  await expect(unmount(calls, target)).rejects.toThrow(/umount of .*mnt failed: EINVAL/);
  await expect(mountFileSystem(calls, { ...request, fileSystem: 'no-such' })).rejects.toThrow(
    /mount of \/dev\/loop\d+ on .*mnt failed: ENODEV/,
  );
});
