import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  deviceFacts,
  deviceNumberOf,
  geometryOf,
  reportedFacts,
  type DeviceFacts,
} from './device-facts.ts';

function temporaryFile(byteCount: number): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-facts-'));
  onTestFinished(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });
  const file = path.join(folder, 'image');
  fs.writeFileSync(file, Buffer.alloc(byteCount));
  return file;
}

/** A drive as sysfs describes it. */
const drive: DeviceFacts = {
  kind: 'block-device',
  path: '/dev/nvme0n1',
  kernelName: 'nvme0n1',
  deviceNumber: '259:0',
  byteCount: 1024 * 512,
  logicalBlockBytes: 512,
  physicalBlockBytes: 4096,
  writeCache: 'write back',
  fua: true,
  atomicWriteBytesMax: 16_384,
  isRotational: false,
  isPartition: false,
  isReadOnly: false,
  scheduler: 'none',
  transferKibMax: 128,
  discardBytesMax: undefined,
  model: 'Test',
  serial: undefined,
  firmware: undefined,
  wwid: undefined,
  deviceMapperName: undefined,
  backingFile: undefined,
};

test('the facts of a file name its file system', async () => {
  const file = temporaryFile(10_000);
  const facts = await deviceFacts(file);
  expect(facts).toMatchObject({ kind: 'regular-file', path: file, byteCount: 10_000 });
  expect(reportedFacts(facts)['fileSystem']).toMatch(/^\w+$/);
});

test('a file is as many whole blocks as fit, behind a volatile cache', async () => {
  const facts = await deviceFacts(temporaryFile(10_000));
  expect(geometryOf(facts, { logicalBlockBytes: 4096 })).toEqual({
    logicalBlockBytes: 4096,
    capacityBlocks: 2,
    atomicWriteBlocks: 1,
    writeCache: 'volatile',
    supportsFua: true,
  });
});

test('a drive has its own block size, and its cache decides what a completion means', () => {
  const geometry = geometryOf(drive, { logicalBlockBytes: 4096 });
  expect(geometry).toMatchObject({ logicalBlockBytes: 512, capacityBlocks: 1024 });
  expect(geometry.writeCache).toBe('volatile');
  const protectedDrive = { ...drive, writeCache: 'write through' };
  expect(geometryOf(protectedDrive, { logicalBlockBytes: 4096 }).writeCache).toBe('none');
  // Where it cannot be known, nothing counts as durable without a flush.
  const unknown = { ...drive, writeCache: 'unknown' };
  expect(geometryOf(unknown, { logicalBlockBytes: 4096 }).writeCache).toBe('volatile');
});

test('more blocks than there are, or none, are refused', () => {
  const limits = { logicalBlockBytes: 512 };
  expect(geometryOf(drive, { ...limits, capacityBlocks: 1023 }).capacityBlocks).toBe(1023);
  for (const capacityBlocks of [0, 1025]) {
    expect(() => geometryOf(drive, { ...limits, capacityBlocks })).toThrow(/holds 1024 blocks/);
  }
});

test('what is not known is not reported', () => {
  const reported = reportedFacts(drive);
  expect(reported['model']).toBe('Test');
  expect(Object.keys(reported)).not.toContain('serial');
});

test('device numbers are split as the C library splits them', () => {
  expect(deviceNumberOf(0x0103)).toBe('1:3');
  expect(deviceNumberOf(0x10300)).toBe('259:0');
  // Minor 0x12345, major 0x103: the minor's upper bits lie above the major.
  expect(deviceNumberOf(0x1231_0345)).toBe(`259:74565`);
});

test('a folder is neither a device nor a file', async () => {
  await expect(deviceFacts(os.tmpdir())).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
