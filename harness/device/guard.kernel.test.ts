/**
 * The device guard against real block devices, @req D6. Each refusal must come from the rule that it
 * is about, and the device must be the same, byte for byte, before and after.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HarnessError } from '../contract/index.ts';
import { mountFileSystem, unmount } from '../sys/mount.ts';
import { loadSystemCalls, type SystemCalls } from '../sys/libc.ts';
import { createBackingFile } from './backing-file.ts';
import { guardDevice, openGuarded } from './guard.ts';
import type { GuardOptions, GuardRule } from './guard-rules.ts';
import { initDevice } from './init-device.ts';
import { createLoopDevice, type LoopDevice } from './loop.ts';
import { readStamp } from './ownership-stamp.ts';
import { openUringDevice } from './uring-device.ts';

const byteCount = 8 * 1024 * 1024;
const serial = 'TEST-0001';

let folder = '';
let loop: LoopDevice;
let byIdName = '';
let options: GuardOptions;
let cleanups: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-guard-'));
  const backingFile = path.join(folder, 'disk');
  await createBackingFile(backingFile, byteCount);
  loop = await createLoopDevice(backingFile);
  const byIdFolder = path.join(folder, 'by-id');
  fs.mkdirSync(byIdFolder);
  byIdName = path.join(byIdFolder, `nvme-Test_Disk_${serial}`);
  fs.symlinkSync(loop.node, byIdName);
  const allowListFile = path.join(folder, 'devices.json');
  writeAllowList(allowListFile, [{ serial, byteCount }]);
  // A loop device has neither a serial number nor a link under /dev/disk/by-id.
  options = { byIdFolder, allowListFile, identityOf: () => serial };
});

afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  cleanups = [];
  await loop.detach();
  fs.rmSync(folder, { recursive: true, force: true });
});

function writeAllowList(file: string, devices: unknown): void {
  fs.writeFileSync(file, JSON.stringify({ devices }), { mode: 0o644 });
}

/** The bytes of the medium, past every cache of the device. */
function mediumDigest(): string {
  const bytes = fs.readFileSync(path.join(folder, 'disk'));
  return createHash('sha256').update(bytes).digest('hex');
}

async function expectRefusal(
  name: string,
  rule: GuardRule,
  seen: RegExp,
  with_: GuardOptions = options,
): Promise<void> {
  await execa('sync', []);
  const before = mediumDigest();
  const report = await guardDevice(name, with_);
  expect(report.refusal).toMatchObject({ rule, holds: false });
  expect(report.refusal?.seen).toMatch(seen);
  expect(report.refusal?.advice).not.toBe('');
  let isOpened = false;
  const opening = openGuarded(name, with_, (target) => {
    isOpened = true;
    return openUringDevice(target.path, target);
  });
  await expect(opening).rejects.toMatchObject({ name: 'HarnessError', code: 'DEVICE_REFUSED' });
  expect(isOpened).toBe(false);
  await execa('sync', []);
  expect(mediumDigest()).toBe(before);
}

async function systemCalls(): Promise<SystemCalls> {
  const answer = await loadSystemCalls();
  if (!answer.available) throw new Error(answer.reason);
  return answer.calls;
}

async function mountExt4(): Promise<void> {
  await execa('mkfs.ext4', ['-q', '-F', loop.node]);
  const mountPoint = path.join(folder, 'mnt');
  fs.mkdirSync(mountPoint);
  const calls = await systemCalls();
  await mountFileSystem(calls, { source: loop.node, target: mountPoint, fileSystem: 'ext4' });
  cleanups.push(() => unmount(calls, mountPoint));
}

test('a blank, named, listed, unused disk is admitted, without its last block', async () => {
  const before = mediumDigest();
  const report = await guardDevice(byIdName, options);
  expect(report.refusal).toBeUndefined();
  expect(report.findings.map((finding) => finding.rule)).toEqual([
    'block-device',
    'named-by-id',
    'allow-listed',
    'not-in-use',
    'no-foreign-data',
    'exclusive',
  ]);
  expect(report.capacityBlocks).toBe(byteCount / 512 - 1);
  await using device = await openGuarded(byIdName, options, (target) =>
    openUringDevice(target.path, target),
  );
  expect(device.geometry.capacityBlocks).toBe(byteCount / 512 - 1);
  expect(mediumDigest()).toBe(before);
});

describe('rule 1, the name', () => {
  test('a kernel name is refused and the by-id name suggested', async () => {
    await expectRefusal(loop.node, 'named-by-id', /can pass to another device/);
    const { refusal } = await guardDevice(loop.node, options);
    expect(refusal?.advice).toContain(byIdName);
  });

  test('a link from anywhere else is refused', async () => {
    const link = path.join(folder, 'my-disk');
    fs.symlinkSync(loop.node, link);
    await expectRefusal(link, 'named-by-id', /can pass to another device/);
  });

  test('without options, the folder is /dev/disk/by-id and the loop device is refused', async () => {
    await expectRefusal(loop.node, 'named-by-id', /can pass/, {});
  });

  test('a name that leads nowhere, a file and a folder are refused', async () => {
    await expectRefusal(`${byIdName}-gone`, 'block-device', /not to be found/);
    await expectRefusal(path.join(folder, 'disk'), 'block-device', /not a block device/);
    await expectRefusal(folder, 'block-device', /not a block device/);
  });
});

describe('rule 2, the allow-list', () => {
  const allowListFile = (): string => options.allowListFile!;

  test('a missing list is refused, with the entry to add', async () => {
    fs.rmSync(allowListFile());
    await expectRefusal(byIdName, 'allow-listed', /does not exist/);
    const { refusal } = await guardDevice(byIdName, options);
    expect(refusal?.advice).toContain(JSON.stringify({ serial, byteCount }));
  });

  test('another serial number is refused', async () => {
    writeAllowList(allowListFile(), [{ serial: 'TEST-0002', byteCount }]);
    await expectRefusal(byIdName, 'allow-listed', /TEST-0001.*is not listed/);
  });

  test('the right serial number with another size is refused', async () => {
    writeAllowList(allowListFile(), [{ serial, byteCount: byteCount * 2 }]);
    await expectRefusal(byIdName, 'allow-listed', /says 16777216 bytes/);
  });

  test('a list that others than root can write is refused', async () => {
    fs.chmodSync(allowListFile(), 0o666);
    await expectRefusal(byIdName, 'allow-listed', /can be written by others/);
  });

  test('a list that belongs to another user is refused', async () => {
    fs.chownSync(allowListFile(), 1000, 1000);
    await expectRefusal(byIdName, 'allow-listed', /belongs to user 1000/);
  });

  test('a list with an unknown field or of another form is refused', async () => {
    fs.writeFileSync(allowListFile(), '{"devices":[],"force":true}');
    await expectRefusal(byIdName, 'allow-listed', /force/);
    fs.writeFileSync(allowListFile(), 'not JSON');
    await expectRefusal(byIdName, 'allow-listed', /JSON/);
  });

  test('a device without any serial number is refused', async () => {
    const without = { ...options, identityOf: () => undefined };
    await expectRefusal(byIdName, 'allow-listed', /no serial number/, without);
  });
});

describe('rule 3, use', () => {
  test('a mounted disk is refused, also when this run made the node', async () => {
    await mountExt4();
    await expectRefusal(byIdName, 'not-in-use', /mounted on .*mnt/);
    const own = { ...options, ownNodes: [loop.node] };
    await expectRefusal(loop.node, 'not-in-use', /mounted on .*mnt/, own);
  });

  test('a disk under another loop device is refused', async () => {
    const above = await createLoopDevice(loop.node);
    cleanups.push(() => above.detach());
    await expectRefusal(byIdName, 'not-in-use', /under loop/);
  });
});

describe('rule 4, foreign data', () => {
  test.each([
    ['an ext4 file system', 'mkfs.ext4', ['-q', '-F'], /ext2, ext3 or ext4/],
    ['swap space', 'mkswap', ['--quiet'], /swap space/],
  ])('%s is refused', async (_, tool, args, seen) => {
    await execa(tool, [...args, loop.node]);
    await expectRefusal(byIdName, 'no-foreign-data', seen);
  });

  test('a partition table is refused', async () => {
    const table = Buffer.alloc(512);
    // One Linux partition of 4096 sectors, as fdisk writes it.
    table.set([0x00, 0, 2, 0, 0x83, 0, 1, 0, 0x00, 0x08, 0, 0, 0x00, 0x10, 0, 0], 446);
    table.set([0x55, 0xaa], 510);
    fs.writeFileSync(loop.node, table);
    await expectRefusal(byIdName, 'no-foreign-data', /MBR partition table/);
  });

  test('wipefs is asked for a second opinion on what the own table does not know', async () => {
    // MINIX version 1, which only wipefs knows.
    const superblock = Buffer.alloc(1024);
    superblock.writeUInt16LE(32, 0);
    superblock.writeUInt16LE(1024, 2);
    superblock.writeUInt16LE(1, 4);
    superblock.writeUInt16LE(1, 6);
    superblock.writeUInt16LE(5, 8);
    superblock.writeUInt32LE(7 * 1024 * 512 + 512 * 1024, 12);
    superblock.writeUInt16LE(0x137f, 16);
    superblock.writeUInt16LE(1, 18);
    const file = fs.openSync(loop.node, 'r+');
    fs.writeSync(file, superblock, 0, 1024, 1024);
    fs.closeSync(file);
    await expectRefusal(byIdName, 'no-foreign-data', /wipefs: minix/);
  });

  test('a file system on a disk with our stamp is our own', async () => {
    await initDevice(byIdName, { ...options, typedSerial: serial, uuid: 'u-1' });
    await execa('mkfs.ext4', ['-q', '-F', loop.node, `${byteCount / 1024 - 64}k`]);
    const report = await guardDevice(byIdName, options);
    expect(report.refusal).toBeUndefined();
    expect(report.stamp).toEqual({ uuid: 'u-1', serial, byteCount });
  });

  test('a stamp of another disk does not count', async () => {
    const other = { ...options, identityOf: () => 'TEST-0002' };
    writeAllowList(options.allowListFile!, [
      { serial, byteCount },
      { serial: 'TEST-0002', byteCount },
    ]);
    await initDevice(byIdName, { ...other, typedSerial: 'TEST-0002', uuid: 'u-2' });
    await execa('mkfs.ext4', ['-q', '-F', loop.node, `${byteCount / 1024 - 64}k`]);
    await expectRefusal(byIdName, 'no-foreign-data', /ext2, ext3 or ext4/);
  });
});

describe('rule 5, exclusive', () => {
  test('a disk that is held with O_EXCL is refused', async () => {
    const holder = fs.openSync(loop.node, fs.constants.O_RDONLY | fs.constants.O_EXCL);
    cleanups.push(async () => {
      fs.closeSync(holder);
    });
    await expectRefusal(byIdName, 'exclusive', /EBUSY/);
    await expectRefusal(loop.node, 'exclusive', /EBUSY/, { ...options, ownNodes: [loop.node] });
  });
});

test('a node that this run made needs no name, list or empty medium', async () => {
  await execa('mkfs.ext4', ['-q', '-F', loop.node]);
  const report = await guardDevice(loop.node, { ...options, ownNodes: [loop.node] });
  expect(report.refusal).toBeUndefined();
  expect(report.capacityBlocks).toBe(byteCount / 512);
});

test('a disk that changes between the check and the opening is given up', async () => {
  const file = path.join(folder, 'other-disk');
  await createBackingFile(file, byteCount);
  const other = await createLoopDevice(file);
  cleanups.push(() => other.detach());
  const before = mediumDigest();
  const opening = openGuarded(byIdName, options, (target) => {
    fs.rmSync(byIdName);
    fs.symlinkSync(other.node, byIdName);
    return openUringDevice(target.path, target);
  });
  await expect(opening).rejects.toMatchObject({ code: 'DEVICE_REFUSED' });
  // Held by nobody: the opened device was let go again.
  expect((await guardDevice(byIdName, options)).refusal).toBeUndefined();
  expect(mediumDigest()).toBe(before);
});

test('a disk that was another one only while it was opened is given up', async () => {
  const file = path.join(folder, 'other-disk');
  await createBackingFile(file, byteCount);
  const other = await createLoopDevice(file);
  cleanups.push(() => other.detach());
  const pointTo = (node: string): void => {
    fs.rmSync(byIdName);
    fs.symlinkSync(node, byIdName);
  };
  const opening = openGuarded(byIdName, options, async (target) => {
    pointTo(other.node);
    try {
      return await openUringDevice(target.path, target);
    } finally {
      pointTo(loop.node);
    }
  });
  await expect(opening).rejects.toThrow(/when it was checked/);
});

test('a disk that is taken into use between the check and the opening is given up', async () => {
  const opening = openGuarded(byIdName, options, async (target) => {
    const device = await openUringDevice(target.path, target);
    const above = await createLoopDevice(loop.node);
    cleanups.push(() => above.detach());
    return device;
  });
  await expect(opening).rejects.toThrow(/under loop/);
});

describe('giving a disk to this program', () => {
  test('the stamp goes into the last block and nowhere else', async () => {
    const before = fs.readFileSync(path.join(folder, 'disk'));
    await initDevice(byIdName, { ...options, typedSerial: serial, uuid: 'u-3' });
    await execa('sync', []);
    const after = fs.readFileSync(path.join(folder, 'disk'));
    expect(after.subarray(0, -512).equals(before.subarray(0, -512))).toBe(true);
    expect(await readStamp(loop.node, byteCount, 512)).toEqual({ uuid: 'u-3', serial, byteCount });
  });

  test.each(['', 'TEST-0002', 'test-0001', ` ${serial}`])(
    'the serial number typed as "%s" is refused and nothing is written',
    async (typedSerial) => {
      const before = mediumDigest();
      const giving = initDevice(byIdName, { ...options, typedSerial, uuid: 'u-4' });
      await expect(giving).rejects.toBeInstanceOf(HarnessError);
      await expect(giving).rejects.toMatchObject({ code: 'DEVICE_REFUSED' });
      await execa('sync', []);
      expect(mediumDigest()).toBe(before);
    },
  );

  test('a mounted disk is refused whatever is typed', async () => {
    await mountExt4();
    const giving = initDevice(byIdName, { ...options, typedSerial: serial, uuid: 'u-5' });
    await expect(giving).rejects.toThrow(/not-in-use/);
  });
});
