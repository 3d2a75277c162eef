import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cleanLeftovers } from './resources-clean.ts';
import { describeResource, type Resource } from './resources-removal.ts';
import { temporaryRoot } from './resources-root.ts';
import { ResourceLedger } from './resources.ts';

let parent: string;

beforeEach(() => {
  parent = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-test-'));
  vi.stubEnv('TMPDIR', parent);
});

afterEach(() => {
  vi.unstubAllEnvs();
  fs.rmSync(parent, { recursive: true, force: true });
});

/** A resource file as a run that is dead has left it. */
function leaveBehind(...lines: readonly unknown[]): string {
  fs.mkdirSync(temporaryRoot(), { recursive: true });
  const owner = { pid: 2 ** 22 + 1, startTicks: '1' };
  const file = path.join(temporaryRoot(), `left.resources.jsonl`);
  fs.writeFileSync(file, [owner, ...lines].map((line) => `${JSON.stringify(line)}\n`).join(''));
  return file;
}

function add(id: number, resource: unknown): unknown {
  return { action: 'add', id, resource };
}

describe('the resources of a run', () => {
  it('are gone when it ends, and so is the list of them (@req D6)', async () => {
    {
      await using resources = ResourceLedger.open();
      const directory = resources.makeDirectory('loop');
      fs.writeFileSync(path.join(directory, 'backing'), 'x');
      expect(fs.readdirSync(temporaryRoot())).toHaveLength(2);
    }
    expect(fs.readdirSync(temporaryRoot())).toEqual([]);
  });

  it('are left alone by a clean-up while it runs', async () => {
    await using resources = ResourceLedger.open();
    const directory = resources.makeDirectory('loop');
    expect(await cleanLeftovers()).toEqual({
      released: [],
      problems: [],
      runningOwners: [process.pid],
    });
    expect(fs.existsSync(directory)).toBe(true);
  });

  it('include its child processes', async () => {
    const child = spawn('sleep', ['100']);
    const ended = new Promise<string | null>((resolve) => {
      child.once('exit', (_code, signal) => {
        resolve(signal);
      });
    });
    {
      await using resources = ResourceLedger.open();
      resources.holdProcess(child.pid!);
    }
    expect(await ended).toBe('SIGKILL');
  });
});

describe('a clean-up', () => {
  it('takes away what a dead run has left', async () => {
    const directory = path.join(temporaryRoot(), 'loop-1');
    const file = leaveBehind(add(1, { kind: 'directory', path: directory }));
    fs.mkdirSync(directory);
    const { released, problems } = await cleanLeftovers();
    expect(released).toEqual([{ kind: 'directory', path: directory }]);
    expect(problems).toEqual([]);
    expect(fs.existsSync(directory) || fs.existsSync(file)).toBe(false);
  });

  it('takes what is left of a list whose last line is torn', async () => {
    const directory = path.join(temporaryRoot(), 'loop-1');
    const file = leaveBehind(add(1, { kind: 'directory', path: directory }));
    fs.appendFileSync(file, '{"action":"add","id":2,"reso');
    expect((await cleanLeftovers()).released).toHaveLength(1);
  });

  it.each(['..', '.', 'loop-1/..', 'loop-1/../..', '../other', 'a/b'])(
    'removes nothing outside its own directory: %s',
    async (name) => {
      const outside = path.join(parent, 'other');
      fs.mkdirSync(outside, { recursive: true });
      const directory = `${temporaryRoot()}/${name}`;
      const file = leaveBehind(add(1, { kind: 'directory', path: directory }));
      const { released, problems } = await cleanLeftovers();
      expect(released).toEqual([]);
      expect(problems[0]).toMatch(/will not remove/);
      expect(fs.existsSync(outside) && fs.existsSync(file)).toBe(true);
    },
  );

  it('kills no process that only has the number of an old one', async () => {
    const child = spawn('sleep', ['100']);
    leaveBehind(add(1, { kind: 'process', pid: child.pid, startTicks: '12' }));
    expect((await cleanLeftovers()).problems).toEqual([]);
    expect(child.exitCode ?? child.signalCode).toBeNull();
    child.kill('SIGKILL');
  });

  it.each([0, 1, -1, process.pid])(
    'kills no process that it cannot tell from a later one: %i',
    async (pid) => {
      leaveBehind(add(1, { kind: 'process', pid, startTicks: '' }));
      const { problems } = await cleanLeftovers();
      expect(problems[0]).toMatch(/cannot be told from a later one/);
    },
  );

  it('keeps what a later version has listed, and says so', async () => {
    const file = leaveBehind(add(1, { kind: 'portal', path: '/dev/portal' }));
    const { released, problems } = await cleanLeftovers();
    expect(released).toEqual([]);
    expect(problems[0]).toMatch(
      /^resource \{"kind":"portal".* knows no resource of the kind "portal"/,
    );
    expect(fs.existsSync(file)).toBe(true);
  });

  it('leaves a list alone that a run is about to write', async () => {
    fs.mkdirSync(temporaryRoot());
    const file = path.join(temporaryRoot(), 'new.resources.jsonl');
    fs.writeFileSync(file, '');
    await cleanLeftovers();
    expect(fs.existsSync(file)).toBe(true);
    fs.utimesSync(file, 0, 0);
    await cleanLeftovers();
    expect(fs.existsSync(file)).toBe(false);
  });

  it('believes no directory but its own user’s', async () => {
    fs.symlinkSync(parent, temporaryRoot());
    await expect(cleanLeftovers()).rejects.toMatchObject({ code: 'DEVICE_REFUSED' });
    expect(() => ResourceLedger.open()).toThrow(/is not a directory of this user/);
  });

  it('finds nothing where nothing ever ran', async () => {
    expect(await cleanLeftovers()).toEqual({ released: [], problems: [], runningOwners: [] });
  });
});

describe('a resource in words', () => {
  const all: Record<Resource['kind'], readonly [Resource, string]> = {
    directory: [{ kind: 'directory', path: '/tmp/a' }, 'directory /tmp/a'],
    loop: [{ kind: 'loop', backingFile: '/tmp/b' }, 'loop device over /tmp/b'],
    mount: [{ kind: 'mount', path: '/tmp/c' }, 'mount on /tmp/c'],
    'device-mapper': [
      { kind: 'device-mapper', name: 'powercut-d' },
      'device-mapper device powercut-d',
    ],
    process: [{ kind: 'process', pid: 5, startTicks: '6' }, 'process 5'],
  };

  it.each(Object.values(all))('is never undefined: %o', (resource, words) => {
    expect(describeResource(resource)).toBe(words);
  });
});
