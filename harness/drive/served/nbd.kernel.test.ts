/** The NBD server as QEMU sees it: what a guest’s drive will be attached by. */
import { execa } from 'execa';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { startNbdServer } from './nbd.ts';
import { createStore, storyOf } from './store.fixture.ts';

const qemuIo = 'qemu-io';
const qemuImg = 'qemu-img';
const hasQemu = (await execa(qemuIo, ['--version'], { reject: false })).exitCode === 0;

describe.runIf(hasQemu)('a drive that QEMU reaches by NBD', () => {
  it('takes writes, FUA, zeros, discards and flushes, and reads them back', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-qemu-'));
    const socketPath = path.join(folder, 'socket');
    const { store } = createStore();
    await using server = await startNbdServer({ socketPath, store });
    const uri = `nbd+unix:///?socket=${server.socketPath}`;
    const info = await execa(qemuImg, ['info', '--output=json', '--force-share', uri]);
    expect(JSON.parse(info.stdout)).toMatchObject({ 'virtual-size': store.byteCount });

    const commands = [
      'write -P 1 4096 8192',
      'flush',
      'write -f -P 2 0 512',
      'write -z 65536 4096',
      'discard 8192 4096',
      'aio_write -P 7 0 4k',
      'aio_write -P 8 16k 4k',
      'aio_flush',
      'read -P 7 0 4096',
      'read -P 1 4096 4096',
      'read -P 0 65536 4096',
    ];
    const args = ['-f', 'raw', '-t', 'none', ...commands.flatMap((text) => ['-c', text]), uri];
    const { stdout } = await execa(qemuIo, args);
    expect(stdout).not.toMatch(/failed|error/i);
    const story = storyOf(store.history.events).filter((line) => line.startsWith('S'));
    expect(story.slice(0, 5)).toEqual([
      'S write 8',
      'S flush 0',
      'S write 0',
      'S write 128',
      'S discard 16',
    ]);
    expect(story.slice(5).sort()).toEqual(['S flush 0', 'S write 0', 'S write 32']);
    expect([...store.history.writes].map(({ durable }) => durable)).toEqual([
      false,
      true,
      false,
      false,
      false,
    ]);
    fs.rmSync(folder, { recursive: true });
  });
});
