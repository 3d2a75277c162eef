/**
 * The whole program as a process, on a real block device, ended by a signal at moments that the seed
 * chooses: whatever happens, nothing stays behind on the machine. Runs use a temporary directory of
 * their own, so that other runs on the machine neither disturb the tests nor are disturbed.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRandom, type RunSummary } from '../contract/index.ts';
import { probeHost } from '../device/host-probe.ts';

const main = path.join(import.meta.dirname, 'main.ts');
const host = probeHost();
const canRun = host.isRoot && (await host.hasIoUring()) && (await host.hasLoopDevices());

let temporary: string;
const started: ChildProcess[] = [];

beforeEach(() => {
  temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-signals-'));
});

afterEach(async () => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  for (const pid of hostProcesses()) process.kill(pid, 'SIGKILL');
  await sleep(100);
  for (const node of loopNodes()) execFileSync('losetup', ['--detach', node]);
  fs.rmSync(temporary, { recursive: true, force: true });
});

interface Powercut {
  readonly child: ChildProcess;
  readonly directory: string;
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>;
}

let runs = 0;

function powercut(...words: readonly string[]): Powercut {
  const directory = path.join(temporary, `run-${runs++}`);
  const out = words[0] === 'run' ? ['--out', directory, '--no-progress'] : [];
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...words, ...out], {
    env: { ...process.env, TMPDIR: temporary },
  });
  started.push(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
    child.once('close', (code) => {
      resolve({ code, output });
    });
  });
  return { child, directory, ended };
}

function startRun(...words: readonly string[]): Powercut {
  return powercut('run', 'kill-on-loop-device', ...words);
}

/** Once it has begun its cell: from then on there is something to clean up. */
async function hasBegun({ directory }: Powercut): Promise<void> {
  await until(() => fs.existsSync(path.join(directory, 'cells', 'kill-on-loop-device')));
}

async function until(holds: () => boolean): Promise<void> {
  for (let waitedMs = 0; !holds(); waitedMs += 20) {
    if (waitedMs > 30_000) throw new Error(`waited 30 s for ${holds.toString()}`);
    await sleep(20);
  }
}

function loopNodes(): string[] {
  const lines = execFileSync('losetup', ['--all']).toString().split('\n');
  return lines.filter((line) => line.includes(temporary)).map((line) => line.split(':')[0]!);
}

function hostProcesses(): number[] {
  const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      const isHost = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('engine-host');
      return isHost && fs.readFileSync(`/proc/${pid}/environ`, 'utf8').includes(temporary);
    } catch {
      return false;
    }
  });
}

function leftovers(): unknown {
  const root = path.join(temporary, 'powercut');
  const files = fs.existsSync(root) ? fs.readdirSync(root) : [];
  return { loops: loopNodes(), processes: hostProcesses(), files };
}

const nothing = { loops: [], processes: [], files: [] };

describe.runIf(canRun)('a run on a loop device', () => {
  it('passes, says what device it was, and leaves nothing (@req K4 D6)', async () => {
    const run = startRun('--rounds', '2');
    expect(await run.ended).toMatchObject({ code: 0 });
    expect(leftovers()).toEqual(nothing);
    const file = fs.readFileSync(path.join(run.directory, 'run.json'), 'utf8');
    const { host: facts } = JSON.parse(file) as RunSummary;
    expect(facts.device).toMatchObject({ kind: 'block-device', logicalBlockBytes: 4096 });
    expect(await powercut('verify', run.directory).ended).toMatchObject({ code: 0 });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'that gets %s cleans up, reports and exits with %i (%#) (@req D6)',
    async (signal, code) => {
      const random = createRandom(`${signal} ${runs}`);
      const run = startRun();
      await hasBegun(run);
      await sleep(100 + random.below(4000));
      const sentMs = performance.now();
      run.child.kill(signal);
      const { code: exitCode, output } = await run.ended;
      expect(performance.now() - sentMs, output).toBeLessThan(3000);
      expect(exitCode, output).toBe(code);
      expect(leftovers()).toEqual(nothing);
      const file = fs.readFileSync(path.join(run.directory, 'run.json'), 'utf8');
      const { verdict } = JSON.parse(file) as RunSummary;
      expect(verdict).toMatchObject({
        status: 'inconclusive',
        reason: expect.stringContaining('interrupted') as string,
      });
      expect(fs.existsSync(path.join(run.directory, 'report.html'))).toBe(true);
    },
  );

  it.each([1, 2, 3])('that gets SIGKILL is cleaned up after (%i) (@req D6)', async (n) => {
    const random = createRandom(`SIGKILL ${n}`);
    const run = startRun();
    await hasBegun(run);
    await sleep(100 + random.below(4000));
    run.child.kill('SIGKILL');
    await run.ended;
    expect(leftovers()).not.toEqual(nothing);
    expect(await powercut('clean').ended).toMatchObject({ code: 0 });
    expect(leftovers()).toEqual(nothing);
    expect(await powercut('verify', run.directory).ended).toMatchObject({ code: 4 });
  });

  it('that still goes on is left alone by clean', async () => {
    const dead = startRun();
    const alive = startRun('--rounds', '2');
    await Promise.all([hasBegun(dead), hasBegun(alive)]);
    await until(() => loopNodes().length === 2);
    dead.child.kill('SIGKILL');
    await dead.ended;
    const { output } = await powercut('clean').ended;
    expect(output).toContain(`left alone what process ${alive.child.pid!} uses`);
    expect(loopNodes()).toHaveLength(1);
    expect(await alive.ended).toMatchObject({ code: 0 });
    expect(leftovers()).toEqual(nothing);
  });
});

describe.runIf(canRun)('a device that is in use', () => {
  it('is refused with exit code 3, and not a byte of it changes (@req D6)', async () => {
    const image = path.join(temporary, 'image');
    const mountPoint = path.join(temporary, 'mounted');
    fs.writeFileSync(image, Buffer.alloc(64 * 2 ** 20));
    execFileSync('mkfs.ext4', ['-q', '-F', image]);
    fs.mkdirSync(mountPoint);
    const node = execFileSync('losetup', ['--find', '--show', image]).toString().trim();
    execFileSync('mount', ['-o', 'ro,noload', node, mountPoint]);
    try {
      const before = fs.readFileSync(image);
      const run = startRun('--device', node);
      const { code, output } = await run.ended;
      expect(code, output).toBe(3);
      expect(output).toMatch(/is refused by the rule/);
      expect(fs.readFileSync(image).equals(before)).toBe(true);
    } finally {
      execFileSync('umount', [mountPoint]);
      execFileSync('losetup', ['--detach', node]);
    }
    expect(leftovers()).toEqual(nothing);
  });
});
