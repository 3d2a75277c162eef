import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { marked, type Mark } from './soak-inventory.ts';

const isRoot = process.geteuid?.() === 0;

describe.runIf(isRoot)('the inventory of what runs have left', () => {
  it('names a mount, a loop device, a process, a socket and a file of theirs', async () => {
    const directory = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'powercut-left-'));
    const mark: Mark = { directory, variable: `POWERCUT_TEST=${path.basename(directory)}` };
    expect(marked(mark)).toEqual([]);
    const mounted = path.join(directory, 'powercut', 'mounted');
    const image = path.join(directory, 'powercut', 'image');
    fs.mkdirSync(mounted, { recursive: true });
    fs.writeFileSync(image, Buffer.alloc(2 ** 20));
    const server = net.createServer().listen(path.join(directory, 'powercut', 'socket'));
    await once(server, 'listening');
    execFileSync('mount', ['-t', 'tmpfs', 'none', mounted]);
    const node = execFileSync('losetup', ['--find', '--show', image]).toString().trim();
    fs.rmSync(image);
    const [name, value] = mark.variable.split('=') as [string, string];
    const child = spawn('sleep', ['100'], { env: { ...process.env, [name]: value } });
    try {
      expect(marked(mark)).toEqual(
        expect.arrayContaining([
          `mount of tmpfs on ${mounted}`,
          `loop device ${path.basename(node)} over ${image} (deleted)`,
          `process ${child.pid!}: sleep 100`,
          `socket ${path.join(directory, 'powercut', 'socket')}`,
          `file ${mounted}`,
        ]),
      );
    } finally {
      child.kill('SIGKILL');
      execFileSync('losetup', ['--detach', node]);
      execFileSync('umount', [mounted]);
      server.close();
    }
    await once(child, 'exit');
    expect(marked(mark)).toEqual([`file ${mounted}`]);
    fs.rmSync(directory, { recursive: true });
    expect(marked(mark)).toEqual([]);
  });
});
