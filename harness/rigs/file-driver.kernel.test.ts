// Goal: the driver answers for each operation, or fails within its time, whatever becomes of the drive
// or of its process, and nothing of it is left. Method: a directory, and a twin whose power is cut.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRandom, type FileOp } from '../contract/index.ts';
import { probeHost } from '../device/host-probe.ts';
import { startFileDriver, type FileDriver } from './file-driver.ts';
import { kernelTwinGap } from './fuse.ts';
import { ext4Options, isRunning, TwinForTest } from './kernel-twin.fixture.ts';

const host = probeHost();
const hasCalls = await host.hasSystemCalls();
const hasTwin = kernelTwinGap() === undefined && (await host.hasLoopDevices());

let folder = '';
let pid = 0;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-driver-'));
});
afterEach(() => {
  expect(isRunning(pid)).toBe(false);
  fs.rmSync(folder, { recursive: true });
});

function start(root: string, operationMs?: number): Promise<FileDriver> {
  return startFileDriver({
    root,
    seed: 1,
    syncPolicy: 'fsync',
    resources: { holdProcess: (held) => (pid = held) },
    ...(operationMs === undefined ? {} : { operationMs }),
  });
}

const create: FileOp = { kind: 'create', path: 'f' };
const append: FileOp = { kind: 'append', path: 'f', byteCount: 20_000 };
const fsync: FileOp = { kind: 'fsync', path: 'f' };

describe.runIf(hasCalls)('the file driver', () => {
  it('performs one operation after the other and answers what came of each', async () => {
    await using driver = await start(folder);
    expect(await driver.perform(1, create)).toEqual({ status: 'acknowledged' });
    expect(await driver.perform(2, create)).toEqual({ status: 'failed', errno: 'EEXIST' });
    expect(await driver.perform(3, append)).toEqual({ status: 'acknowledged' });
    expect(fs.statSync(path.join(folder, 'f')).size).toBe(20_000);
  });

  it('fails what is asked of it once its process has been killed', async () => {
    await using driver = await start(folder);
    process.kill(pid, 'SIGKILL');
    await expect(driver.perform(1, create)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(driver.perform(2, create)).rejects.toThrow(/SIGKILL/);
  });

  it('gives up on an operation that takes too long, and can still be disposed of', async () => {
    await using driver = await start(folder, 300);
    process.kill(pid, 'SIGSTOP');
    await expect(driver.perform(1, create)).rejects.toThrow(/has not answered for 300 ms/);
    await expect(driver.perform(2, create)).rejects.toThrow(/gone/);
  });

  it('rejects what is under way when it is disposed of', async () => {
    const driver = await start(folder);
    process.kill(pid, 'SIGSTOP');
    const waiting = expect(driver.perform(1, create)).rejects.toThrow(/disposed of/);
    await driver[Symbol.asyncDispose]();
    await waiting;
  });
});

describe.runIf(hasCalls && hasTwin)('the file driver on a twin', () => {
  it('is told EIO after the power cut, and neither hangs nor keeps the file system busy', async () => {
    await using test = await TwinForTest.start();
    const root = await test.make('ext4', ext4Options);
    await using driver = await start(root);
    for (const [index, op] of [create, append, fsync].entries()) {
      expect(await driver.perform(index + 1, op)).toEqual({ status: 'acknowledged' });
    }
    await driver.perform(4, append);
    await test.twin.cut();
    expect(await driver.perform(5, fsync)).toEqual({ status: 'failed', errno: 'EIO' });
    await test.unmount();
  });

  it('is told EIO when the process that serves the drive is killed', async () => {
    await using test = await TwinForTest.start();
    const root = await test.make('ext4', ext4Options);
    await using driver = await start(root, 20_000);
    await driver.perform(1, create);
    await driver.perform(2, append);
    process.kill(test.pid, 'SIGKILL');
    expect(await driver.perform(3, fsync)).toEqual({ status: 'failed', errno: 'EIO' });
  });

  it('waits for a drive that stalls, within its time', async () => {
    await using test = await TwinForTest.start();
    const root = await test.make('ext4', ext4Options);
    await test.twin.beginWorkload();
    const effect = { kind: 'stall', delayNs: 500_000_000 } as const;
    const rule = { fault: 'stall', faultClass: 'slow-device', effect, times: 1 } as const;
    await test.twin.arm({ ...rule, moment: { atFlush: 1 } }, createRandom(1));
    await using driver = await start(root);
    await driver.perform(1, create);
    const begunMs = performance.now();
    expect(await driver.perform(2, fsync)).toEqual({ status: 'acknowledged' });
    expect(performance.now() - begunMs).toBeGreaterThan(400);
  });
});
