/**
 * The tools of the journal against real block devices, @req D6: what is mounted, held or partitioned is
 * refused, and looking at a device that somebody holds neither fails nor disturbs.
 */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBackingFile } from '../device/backing-file.ts';
import { createLoopDevice, type LoopDevice } from '../device/loop.ts';
import { openUringDevice } from '../device/uring-device.ts';
import type { CliEnvironment } from './command-context.ts';
import { performCommandLine } from './command-line.ts';
import { reportFailure } from './report-failure.ts';
import { services } from './services.ts';

const isRoot = process.getuid?.() === 0;

let directory: string;
let loop: LoopDevice;

async function journal(
  ...words: string[]
): Promise<{ exitCode: number; out: string; error: string }> {
  let out = '';
  let error = '';
  const environment: CliEnvironment = {
    directory,
    isTerminal: false,
    columns: 80,
    interrupted: AbortSignal.any([]),
    services,
    writeOut: (text) => {
      out += text;
    },
    writeError: (text) => {
      error += text;
    },
  };
  const line = ['journal', ...words];
  try {
    return { exitCode: await performCommandLine(line, environment), out, error };
  } catch (failure) {
    return { exitCode: reportFailure(failure, line, environment), out, error };
  }
}

describe.skipIf(!isRoot)('powercut journal on a loop device (needs root)', () => {
  beforeEach(async () => {
    directory = fs.mkdtempSync(path.join(tmpdir(), 'powercut-targets-'));
    await createBackingFile(path.join(directory, 'disk'), 16 * 2 ** 20);
    loop = await createLoopDevice(path.join(directory, 'disk'));
  });

  afterEach(async () => {
    await loop.detach();
    fs.rmSync(directory, { recursive: true, force: true });
  });

  it('formats, looks at, recovers and checks it', async () => {
    expect(await journal('format', loop.node, '--yes')).toMatchObject({ exitCode: 0 });
    expect((await journal('info', loop.node)).out).toContain('logical block  512 bytes');
    expect(await journal('recover', loop.node)).toMatchObject({ exitCode: 0 });
    expect(await journal('check', loop.node)).toMatchObject({ exitCode: 0, error: '' });
  });

  it('refuses a file system that is not named, and takes one that is', async () => {
    await execa('mkfs.ext4', ['-q', '-F', loop.node]);
    const refused = await journal('format', loop.node, '--yes');
    expect(refused).toMatchObject({ exitCode: 3 });
    expect(refused.error).toContain('ext4');
    expect(await journal('format', loop.node, '--yes', '--force', 'ext4')).toMatchObject({
      exitCode: 0,
    });
  });

  it('refuses a file system that is mounted, whatever is named', async () => {
    await execa('mkfs.ext4', ['-q', '-F', loop.node]);
    const mountPoint = path.join(directory, 'mounted');
    fs.mkdirSync(mountPoint);
    await execa('mount', [loop.node, mountPoint]);
    try {
      const refused = await journal('format', loop.node, '--yes', '--force', 'ext4');
      expect(refused).toMatchObject({ exitCode: 3 });
      expect(refused.error).toContain(`mounted on ${mountPoint}`);
    } finally {
      await execa('umount', [mountPoint]);
    }
  });

  it('refuses a file that is under a loop device', async () => {
    const refused = await journal('format', path.join(directory, 'disk'), '--yes');
    expect(refused).toMatchObject({ exitCode: 3 });
    expect(refused.error).toContain(`in use: under ${path.basename(loop.node)}`);
  });

  it('looks at a device that is held, says so, and does not write to it', async () => {
    expect(await journal('format', loop.node, '--yes')).toMatchObject({ exitCode: 0 });
    await using held = await openUringDevice(loop.node);
    const looked = await journal('check', loop.node);
    expect(looked).toMatchObject({ exitCode: 0 });
    expect(looked.error).toContain('is in use by another program');
    const refused = await journal('recover', loop.node);
    expect(refused).toMatchObject({ exitCode: 3 });
    expect(refused.error).toContain('refused by the rule exclusive');
    expect(held.geometry.logicalBlockBytes).toBe(512);
  });

  it('refuses what is neither a block device nor a regular file', async () => {
    const { exitCode, error } = await journal('format', '/dev/null', '--yes');
    expect(exitCode).toBe(2);
    expect(error).toContain('neither a block device nor a regular file');
  });
});
