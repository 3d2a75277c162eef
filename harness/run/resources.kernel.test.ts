import { execa } from 'execa';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { describeResource } from './resources-removal.ts';
import { ResourceLedger } from './resources.ts';

const isRoot = process.geteuid?.() === 0;

describe.runIf(isRoot)('a mount of a run', () => {
  it('is gone when the run ends, and its directory with it (@req D6)', async () => {
    let directory: string;
    {
      await using resources = ResourceLedger.open();
      directory = resources.makeDirectory('mount');
      resources.hold({ kind: 'mount', path: directory });
      await execa('mount', ['-t', 'tmpfs', 'none', directory]);
      fs.writeFileSync(path.join(directory, 'inside'), 'x');
      expect(fs.readFileSync('/proc/self/mounts', 'utf8')).toContain(directory);
    }
    expect(fs.readFileSync('/proc/self/mounts', 'utf8')).not.toContain(directory);
    expect(fs.existsSync(directory)).toBe(false);
  });

  it('is taken away once who keeps it busy has ended', async () => {
    await using resources = ResourceLedger.open();
    const directory = resources.makeDirectory('mount');
    const mount = resources.hold({ kind: 'mount', path: directory });
    await execa('mount', ['-t', 'tmpfs', 'none', directory]);
    const busy = execa('sleep', ['0.3'], { cwd: directory });
    await mount[Symbol.asyncDispose]();
    await busy;
    expect(fs.readFileSync('/proc/self/mounts', 'utf8')).not.toContain(directory);
  });

  it('is never one outside the directories of runs', async () => {
    await using resources = ResourceLedger.open();
    const foreign = { kind: 'mount', path: '/proc' } as const;
    const held = resources.hold(foreign);
    await expect(held[Symbol.asyncDispose]()).rejects.toThrow('will not unmount /proc');
    expect(describeResource(foreign)).toBe('mount on /proc');
    // Put right, so that the run can end.
    Object.assign(foreign, { path: resources.makeDirectory('never-mounted') });
  });

  it('is found where the temporary directory is named by a link, or has a space in its name', async () => {
    const parent = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut test '));
    fs.mkdirSync(path.join(parent, 'real'));
    fs.symlinkSync(path.join(parent, 'real'), path.join(parent, 'link'));
    vi.stubEnv('TMPDIR', path.join(parent, 'link'));
    {
      await using resources = ResourceLedger.open();
      const directory = resources.makeDirectory('mount');
      resources.holdMount(directory);
      await execa('mount', ['-t', 'tmpfs', 'none', directory]);
    }
    vi.unstubAllEnvs();
    expect(fs.readFileSync('/proc/self/mounts', 'utf8')).not.toContain(parent.split(' ')[2]!);
    fs.rmSync(parent, { recursive: true });
  });
});

describe.runIf(isRoot)('a loop device of a run', () => {
  it('is gone though its file was deleted first, and once who has it open has ended', async () => {
    await using resources = ResourceLedger.open();
    const file = path.join(resources.makeDirectory('loop'), 'backing');
    fs.writeFileSync(file, Buffer.alloc(2 ** 20));
    const held = resources.holdLoop(file);
    const { stdout: node } = await execa('losetup', ['--find', '--show', file]);
    fs.rmSync(file);
    const busy = execa('sh', ['-c', `exec sleep 0.3 <${node}`]);
    await held[Symbol.asyncDispose]();
    expect(fs.existsSync(`/sys/block/${path.basename(node)}/loop/backing_file`)).toBe(false);
    await busy;
  });
});
