/**
 * A real guest: booted, used, killed while it writes, booted again from the same drives. The tests of
 * the first part share one guest, since a boot takes seconds, and run in the order in which they stand.
 */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { cleanLeftovers } from '../../run/resources-clean.ts';
import { temporaryRoot } from '../../run/resources-root.ts';
import { ResourceLedger } from '../../run/resources.ts';
import { whyNoGuest } from './accelerator.ts';
import { prepareGuest, type GuestImage } from './guest-image.ts';
import { bootGuest, type Guest } from './guest.ts';
import { probeVm } from './probe-vm.ts';
import type { GuestDrive } from './qemu-arguments.ts';
import { RebootingMachine } from './rebooting-machine.ts';
import { runInGuest } from './run-in-guest.ts';

const answer = probeVm({ platform: process.platform, isRoot: process.geteuid?.() === 0 });
const blockBytes = 4096;
const driveBytes = 64 * 2 ** 20;
const bootMs = 120_000;

let folder: string;
let resources: ResourceLedger;
let image: GuestImage;

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-vm-'));
  vi.stubEnv('TMPDIR', folder);
  if (!answer.available) return;
  resources = ResourceLedger.open();
  image = await prepareGuest({ resources });
}, bootMs);

afterAll(() => {
  vi.unstubAllEnvs();
  fs.rmSync(folder, { recursive: true, force: true });
});

function driveOf(name: string): GuestDrive {
  const file = path.join(folder, `${name}.image`);
  if (!fs.existsSync(file)) fs.writeFileSync(file, '');
  fs.truncateSync(file, driveBytes);
  return {
    name,
    source: { kind: 'file', path: file },
    cache: 'writeback',
    logicalBlockBytes: blockBytes,
  };
}

const sharedFolder = (): string => path.join(folder, 'shared');
const consoleFile = (): string => path.join(folder, 'console');

function createMachine(): RebootingMachine {
  fs.mkdirSync(sharedFolder());
  return new RebootingMachine(image, {
    resources,
    drives: [driveOf('raw'), driveOf('files')],
    consoleFile: consoleFile(),
    sharedFolder: sharedFolder(),
    messagesFile: path.join(folder, 'messages'),
  });
}

async function shell(guest: Guest, script: string): Promise<string> {
  const { code, stdout, stderr } = await guest.exec(['sh', '-c', script]);
  expect(code, stderr).toBe(0);
  return stdout.trim();
}

/** Processes and files that belong to this test: everything of a run is beneath its folder. */
function leftovers(): unknown {
  const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const processes = pids.flatMap((pid) => {
    try {
      const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      const isOurs = words.some((word) => word.includes(path.join(folder, 'powercut')));
      return isOurs ? [words.join(' ')] : [];
    } catch {
      return [];
    }
  });
  const locks = fs.existsSync('/run/virtiofsd') ? fs.readdirSync('/run/virtiofsd') : [];
  return {
    processes,
    files: fs.existsSync(temporaryRoot()) ? fs.readdirSync(temporaryRoot()) : [],
    locks: locks.filter((name) => name.includes(path.basename(folder))),
  };
}

const nothing = { processes: [], files: [], locks: [] };

/** So many that a kill comes upon some that were written and not told of, if there are such. */
const batch = 8;

/**
 * Says which blocks it is about to write, writes them past all caches of the guest, says that it did.
 * A block holds its own number, so that the drive tells what has been written.
 */
const tellingWriter = `
  const fs = require('node:fs');
  const { O_WRONLY, O_DIRECT } = fs.constants;
  const file = fs.openSync('/dev/disk/by-id/powercut-raw', O_WRONLY | O_DIRECT);
  const block = Buffer.alloc(${blockBytes});
  for (let last = ${batch}; last < ${driveBytes / blockBytes}; last += ${batch}) {
    fs.writeSync(3, 'about ' + last + '\\n');
    for (let n = last - ${batch} + 1; n <= last; n++) {
      block.writeUInt32LE(n);
      fs.writeSync(file, block, 0, ${blockBytes}, n * ${blockBytes});
    }
    fs.writeSync(3, 'did ' + last + '\\n');
  }
`;

function lastOf(lines: readonly string[], word: string): number {
  const last = lines.filter((line) => line.startsWith(`${word} `)).at(-1);
  return Number(last?.split(' ')[1] ?? 0);
}

function numbersOnDrive(): ReadonlySet<number> {
  const bytes = fs.readFileSync(path.join(folder, 'raw.image'));
  const numbers = new Set<number>();
  for (let at = 0; at < bytes.byteLength; at += blockBytes) numbers.add(bytes.readUInt32LE(at));
  return numbers;
}

describe.runIf(answer.available)('a guest', () => {
  let machine: RebootingMachine;
  let guest: Guest;
  beforeAll(async () => {
    machine = createMachine();
    guest = await machine.guest();
  }, bootMs);
  afterAll(() => machine[Symbol.asyncDispose]());

  it('runs programs of this machine and says how they ended', async () => {
    expect(guest.facts).toMatchObject({
      kernelRelease: image.release,
      nodeVersion: process.version,
    });
    expect(Object.keys(guest.facts.drives)).toEqual(['raw', 'files']);
    const lines: string[] = [];
    const options = { workingDirectory: '/usr', environment: { WORD: 'yes' }, input: 'in' };
    const script = 'pwd; echo $WORD; cat; echo bad >&2; exit 7';
    const ended = await guest.exec(['sh', '-c', script], {
      ...options,
      onLine: (line, stream) => lines.push(`${stream} ${line}`),
    });
    expect(ended).toEqual({ code: 7, signal: null, stdout: '/usr\nyes\nin', stderr: 'bad\n' });
    expect([...lines].sort()).toEqual(['stderr bad', 'stdout /usr', 'stdout in', 'stdout yes']);
  });

  it('ends a program that is told to, with what it has started', async () => {
    const running = guest.start(['sh', '-c', 'sleep 99 & sleep 99']);
    running.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: null, signal: 'SIGTERM' });
    expect(await shell(guest, 'ps -e -o args= | grep -c "[s]leep 99" || true')).toBe('0');
  });

  it('cannot write to this machine, but for the folder that it shares', async () => {
    await shell(guest, `echo kept > ${sharedFolder()}/kept; echo gone > ${folder}/gone`);
    expect(fs.readFileSync(path.join(sharedFolder(), 'kept'), 'utf8')).toBe('kept\n');
    expect(fs.existsSync(path.join(folder, 'gone'))).toBe(false);
    const past = await guest.exec([
      ...['sh', '-c'],
      `mkdir /run/root && mount -t virtiofs powercut-root /run/root && mount -o remount,rw /run/root && echo gone > /run/root${folder}/gone`,
    ]);
    expect(past.stderr).toMatch(/Read-only file system/);
    expect(fs.existsSync(path.join(folder, 'gone'))).toBe(false);
  });

  it('has the modules that fault injection needs, and loads file systems by itself', async () => {
    await shell(guest, 'modprobe -a dm-flakey dm-log-writes f2fs nilfs2 null_blk');
    await shell(
      guest,
      `mkfs.ext4 -q ${guest.facts.drives['files']!} && mkdir -p /run/files && mount -t ext4 ${guest.facts.drives['files']!} /run/files`,
    );
    await shell(guest, 'echo synced > /run/files/a && sync && echo lost > /run/files/b');
    expect(await shell(guest, 'cat /run/files/b')).toBe('lost');
  });

  it('that is killed has told of every write before it was on the drive', async () => {
    const writer = machine.start([process.execPath, '-e', tellingWriter]);
    const told: string[] = [];
    for await (const line of writer.lines) {
      told.push(line);
      if (line === 'about 200') writer.kill();
    }
    expect(await writer.ended).toMatchObject({ code: null, signal: 'SIGKILL' });
    const found = numbersOnDrive();
    const about = lastOf(told, 'about');
    expect(about).toBeGreaterThanOrEqual(200);
    expect(Math.max(...found)).toBeLessThanOrEqual(about);
    for (let n = 1; n <= lastOf(told, 'did'); n++) expect(found.has(n), `block ${n}`).toBe(true);
    await expect(guest.exec(['true'])).rejects.toThrow(/the guest was killed/);
  });

  it('is booted again from the drives as they were, without what it had in memory', async () => {
    guest = await machine.guest();
    expect(machine.boots).toBe(2);
    const node = guest.facts.drives['files']!;
    await shell(guest, `mkdir -p /run/files && mount -t ext4 ${node} /run/files`);
    expect(await shell(guest, 'cat /run/files/a')).toBe('synced');
    expect(await shell(guest, 'cat /run/files/b 2>/dev/null || true')).toBe('');
    expect(await shell(guest, 'umount /run/files && e2fsck -fn ' + node)).toMatch(/Pass 5/);
  });

  it('that is switched off leaves nothing behind but its files', async () => {
    await guest.powerOff();
    await resources[Symbol.asyncDispose]();
    expect(leftovers()).toEqual(nothing);
    expect(fs.readFileSync(consoleFile(), 'utf8')).toMatch(/Power down/);
    resources = ResourceLedger.open();
  });
});

describe.runIf(answer.available)('a probe', () => {
  it('tells a guest that comes up from one that does not', async () => {
    expect(await whyNoGuest('tcg', image, resources, bootMs)).toBeUndefined();
    expect(await whyNoGuest('tcg', image, resources, 1)).toBe('no guest came up in 0.001 s');
    await resources[Symbol.asyncDispose]();
    expect(leftovers()).toEqual(nothing);
    resources = ResourceLedger.open();
  });
});

describe.runIf(answer.available)('a guest that cannot be had', () => {
  it('says why, and leaves nothing behind', async () => {
    const drives = [{ ...driveOf('raw'), source: { kind: 'file', path: '/nowhere' } }] as const;
    const consoleFile = path.join(folder, 'broken.console');
    await expect(bootGuest(image, { resources, drives, consoleFile })).rejects.toThrow(
      /ended by itself \(QEMU code 1\)[^]*\/nowhere/,
    );
    await resources[Symbol.asyncDispose]();
    expect(leftovers()).toEqual(nothing);
    resources = ResourceLedger.open();
  });

  it('because its run was killed with SIGKILL is taken away by a clean-up (@req D6)', async () => {
    const script = `
      import { ResourceLedger } from '${import.meta.dirname}/../../run/resources.ts';
      import { prepareGuest } from '${import.meta.dirname}/guest-image.ts';
      import { bootGuest } from '${import.meta.dirname}/guest.ts';
      const resources = ResourceLedger.open();
      const image = await prepareGuest({ resources });
      await bootGuest(image, { resources, drives: [], consoleFile: '${folder}/killed.console' });
    `;
    const file = path.join(folder, 'killed.mts');
    fs.writeFileSync(file, script);
    const child = spawn(process.execPath, ['--import', 'tsx', file], {
      cwd: path.join(import.meta.dirname, '../../..'),
      env: { ...process.env, TMPDIR: folder },
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await until(() => fs.existsSync(path.join(folder, 'killed.console')));
    child.kill('SIGKILL');
    await ended;
    expect(leftovers()).not.toEqual(nothing);
    expect((await cleanLeftovers()).problems).toEqual([]);
    await resources[Symbol.asyncDispose]();
    expect(leftovers()).toEqual(nothing);
    resources = ResourceLedger.open();
  });
});

describe.runIf(answer.available)('a program that is run in a guest', () => {
  it('writes its run directory here, and its exit code comes back', async () => {
    const runDirectory = path.join(folder, 'run');
    const lines: string[] = [];
    const program = `
      require('node:fs').writeFileSync(process.argv[1] + '/answer', process.cwd());
      console.log('on ' + process.argv[2]);
      process.exitCode = 3;
    `;
    const { exitCode, facts } = await runInGuest(image, {
      resources,
      drives: [driveOf('raw')],
      program: [process.execPath, '-e', program],
      argumentsFor: ({ drives }) => [runDirectory, drives['raw']!],
      runDirectory,
      workingDirectory: os.homedir(),
      withinMs: bootMs,
      onLine: (line) => void lines.push(line),
    });
    expect(exitCode).toBe(3);
    expect(lines).toEqual([`on ${facts.drives['raw']!}`]);
    expect(fs.readFileSync(path.join(runDirectory, 'answer'), 'utf8')).toBe(os.homedir());
    expect(fs.existsSync(path.join(runDirectory, 'guest-console.log'))).toBe(true);
    await resources[Symbol.asyncDispose]();
    expect(leftovers()).toEqual(nothing);
    resources = ResourceLedger.open();
  });

  it('and runs out of memory is said to have done so, and nothing is left of it', async () => {
    const ending = runInGuest(image, {
      resources,
      drives: [],
      memoryMiB: 400,
      program: [
        process.execPath,
        '-e',
        'for (const all = []; ; ) all.push(Buffer.alloc(2 ** 24, 1))',
      ],
      argumentsFor: () => [],
      runDirectory: path.join(folder, 'greedy'),
      workingDirectory: '/',
      withinMs: bootMs,
    });
    await expect(ending).rejects.toThrow(
      'the run in the guest was ended by SIGKILL: the guest ran out of its 400 MiB of memory',
    );
    await resources[Symbol.asyncDispose]();
    expect(leftovers()).toEqual(nothing);
    resources = ResourceLedger.open();
  });

  it('and does not end is given up, and nothing is left of it', async () => {
    const ending = runInGuest(image, {
      resources,
      drives: [],
      program: ['sleep', '600'],
      argumentsFor: () => [],
      runDirectory: path.join(folder, 'slow'),
      workingDirectory: '/',
      withinMs: 1500,
    });
    await expect(ending).rejects.toThrow(/^the run in the guest had not ended after 2 s/);
    await resources[Symbol.asyncDispose]();
    expect(leftovers()).toEqual(nothing);
  });
});

async function until(holds: () => boolean): Promise<void> {
  for (let waitedMs = 0; !holds(); waitedMs += 10) {
    if (waitedMs > 60_000) throw new Error(`waited 60 s for ${holds.toString()}`);
    await sleep(10);
  }
}
