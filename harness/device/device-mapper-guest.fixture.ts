// Runs inside a guest, where there is a device-mapper: does to real mappings what the test wants to know,
// and says in one line of JSON what came of it. Arguments: a folder that the host can read, and the devices.
import { execFile } from 'node:child_process';
import type { Buffer } from 'node:buffer';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { MappingCut } from '../contract/index.ts';
import { FlakeyDevice } from './device-mapper-flakey.ts';
import { LogWritesDevice } from './device-mapper-log-writes.ts';
import { removeMapping } from './device-mapper.ts';

const [folder = '', data = '', log = '', smallLog = ''] = process.argv.slice(2);
const mountPoint = path.join(fs.mkdtempSync('/tmp/device-mapper-'), 'mnt');
fs.mkdirSync(mountPoint);

const held: string[] = [];
const resources = { holdMapping: (name: string) => held.push(name) };

/** Exit code and what was printed. */
async function tool(name: string, ...args: string[]): Promise<{ code: number; text: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(name, args);
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, text: stdout + stderr };
  }
}

async function must(name: string, ...args: string[]): Promise<void> {
  const { code, text } = await tool(name, ...args);
  if (code !== 0) throw new Error(`${name} ${args.join(' ')}: ${text}`);
}

/** `ok`, or the code of what it failed with. */
async function outcome(action: () => unknown): Promise<string> {
  try {
    await action();
    return 'ok';
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}

function writeFile(name: string, text: string, sync: boolean): void {
  const fd = fs.openSync(path.join(mountPoint, name), 'w');
  try {
    fs.writeSync(fd, text);
    if (sync) fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function readText(name: string): string {
  try {
    return fs.readFileSync(path.join(mountPoint, name), 'utf8');
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

/** By direct I/O, past the page cache. */
async function firstBlock(node: string): Promise<Buffer> {
  const args = [`if=${node}`, 'bs=4096', 'count=1', 'iflag=direct', 'status=none'];
  return (await promisify(execFile)('dd', args, { encoding: 'buffer' })).stdout;
}

/** Formats, writes with and without fsync, cuts, writes again, and looks what is left after recovery. */
async function cutUnderExt4(how: MappingCut): Promise<unknown> {
  await using device = await FlakeyDevice.create(
    { name: `powercut-${how}`, device: data },
    resources,
  );
  const { node } = device;
  await must('mkfs.ext4', '-q', '-F', node);
  // The journal's own clock must not make durable what the test did not sync.
  await must('mount', '-t', 'ext4', '-o', 'commit=600', node, mountPoint);
  writeFile('synced', 'synced', true);
  writeFile('unsynced', 'unsynced', false);
  await device.cut(how);
  const afterCut = await outcome(() => {
    writeFile('late', 'late', true);
  });
  await must('umount', mountPoint);
  const tableWhenCut = (await device.mapping.table()).slice(2);
  await device.restore();
  await must('mount', '-t', 'ext4', node, mountPoint);
  const found = ['synced', 'unsynced', 'late'].map(readText);
  await must('umount', mountPoint);
  const check = await tool('e2fsck', '-fn', node);
  return { afterCut, tableWhenCut, found, check: check.code };
}

async function corrupt(): Promise<unknown> {
  await using device = await FlakeyDevice.create(
    { name: 'powercut-corrupt', device: data },
    resources,
  );
  const before = await firstBlock(device.node);
  await device.corruptByte('read', 3, before[2]! ^ 0xff);
  const damaged = await firstBlock(device.node);
  const random = await outcome(() => device.corruptRandomly('read', 1000));
  await device.restore();
  const differing = [...before.keys()].filter((place) => before[place] !== damaged[place]);
  return { differing, random, restored: (await firstBlock(device.node)).equals(before) };
}

/** A table that the kernel refuses must leave the device working, and not suspended. */
async function refusedTable(): Promise<unknown> {
  await using device = await FlakeyDevice.create(
    { name: 'powercut-refused', device: data },
    resources,
  );
  const sectors = 8;
  const bad = { sectors, target: 'flakey', args: ['/dev/none', 0, 1, 0] };
  const replaced = await outcome(() => device.mapping.replace(bad));
  const unknown = await outcome(() => device.mapping.load({ ...bad, target: 'no-such-target' }));
  return { replaced, unknown, reads: (await firstBlock(device.node)).length };
}

/** A suspended mapping, and one that is held for a while, can be taken away. */
async function removal(): Promise<unknown> {
  const device = await FlakeyDevice.create({ name: 'powercut-removed', device: data }, resources);
  const fd = fs.openSync(device.node, 'r');
  const removed = device[Symbol.asyncDispose]();
  await delay(500);
  fs.closeSync(fd);
  await removed;
  const again = await FlakeyDevice.create({ name: 'powercut-removed', device: data }, resources);
  await again.mapping.suspend();
  await removeMapping('powercut-removed');
  await removeMapping('powercut-removed');
  return { left: fs.readdirSync('/dev/mapper').filter((name) => name.startsWith('powercut')) };
}

async function record(): Promise<unknown> {
  // What the drive holds when logging begins must be known: here, nothing.
  await must('blkdiscard', '-z', data);
  const device = await LogWritesDevice.create(
    { name: 'powercut-log', device: data, log },
    resources,
  );
  const { node } = device;
  const direct = ['if=/dev/urandom', `of=${node}`, 'bs=4096'];
  await must('dd', ...direct, 'count=2', 'seek=12000', 'oflag=direct');
  await must('dd', ...direct, 'count=1', 'seek=12100', 'oflag=direct,dsync');
  await must('mkfs.ext4', '-q', '-F', node);
  await must('mount', '-t', 'ext4', node, mountPoint);
  await must('sync', '-f', mountPoint);
  await device.mark('pos-0');
  for (let position = 1; position <= 5; position++) {
    writeFile(`file-${position}`, `content ${position}`, true);
    await device.mark(`ack-${position}`);
  }
  await device.mark('cut');
  await must('umount', mountPoint);
  const status = await device.status();
  const badMark = await outcome(() => device.mark('two words'));
  await device[Symbol.asyncDispose]();
  for (const [name, source] of [
    ['log', log],
    ['data', data],
  ] as const) {
    await must('dd', `if=${source}`, `of=${path.join(folder, name)}`, 'bs=1M');
  }
  return { status, badMark };
}

async function fillLog(): Promise<unknown> {
  const device = await LogWritesDevice.create(
    { name: 'powercut-full', device: data, log: smallLog },
    resources,
  );
  await must(
    'dd',
    'if=/dev/zero',
    `of=${device.node}`,
    'bs=64k',
    'count=32',
    'oflag=direct',
    'conv=fsync',
  );
  const status = await device.status();
  await device[Symbol.asyncDispose]();
  return status;
}

const report = {
  errorWrites: await cutUnderExt4('error-writes'),
  dropWrites: await cutUnderExt4('drop-writes'),
  corrupt: await corrupt(),
  refused: await refusedTable(),
  removal: await removal(),
  record: await record(),
  full: await fillLog(),
  held,
};
console.log(`report ${JSON.stringify(report)}`);
