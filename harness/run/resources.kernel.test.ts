import { execa } from 'execa';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ResourceLedger, describeResource } from './resources.ts';

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
});
