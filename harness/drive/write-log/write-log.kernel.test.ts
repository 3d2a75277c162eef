// Goal: what QEMU's own blklogwrites writes can be read. dm-log-writes needs a guest, and is in
// harness/device/device-mapper.kernel.test.ts.
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readBaseImage } from './base-image.ts';
import { historiesOfLog } from './log-histories.ts';
import { replayLog } from './replay-log.ts';
import { WriteLog } from './write-log.ts';

const hasQemu = spawnSync('qemu-io', ['--version']).status === 0;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-log-'));
afterAll(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(!hasQemu)('a log of blklogwrites (needs qemu-io, of qemu-utils)', () => {
  test.each([512, 4096] as const)('in blocks of %i bytes', async (blockBytes) => {
    const [drive, logFile, blank] = ['drive', 'log', 'blank'].map((name) =>
      path.join(folder, `${name}-${blockBytes}`),
    ) as [string, string, string];
    for (const file of [drive, logFile, blank]) fs.writeFileSync(file, '');
    for (const file of [drive, blank]) fs.truncateSync(file, 1 << 20);
    const commands = [
      ...['write -P 1 0 4k', 'flush', 'write -P 2 8k 4k', 'write -P 3 8k 8k'],
      ...['discard 0 4k', 'write -z 64k 16k', 'flush'],
    ];
    const image = [
      `driver=blklogwrites,log-sector-size=${blockBytes}`,
      `file.driver=file,file.filename=${drive},log.driver=file,log.filename=${logFile}`,
    ];
    const words = commands.flatMap((command) => ['-c', command]);
    execFileSync('qemu-io', [...words, '--image-opts', image.join()]);

    for (const until of ['entry-count', 'last-valid-entry'] as const) {
      await using log = WriteLog.open(logFile, { until });
      expect(log.blockBytes).toBe(blockBytes);
      const [first, second, ...others] = [...log.entries()].map(({ kind }) => kind);
      expect([first, second]).toEqual(['write', 'flush']);
      expect(others).toContain('discard');
      const base = readBaseImage(blank, blockBytes);
      const { histories } = historiesOfLog(log, { semantics: 'blklogwrites', name: 'drive', base });
      expect([...histories[0]!.history.writes].length).toBe(4);
      // The file has no holes for what is discarded, or has: both are right.
      const ends = (['zeros', 'nothing'] as const).map((discards) => {
        const end = base.fork();
        replayLog(log, end, { discards });
        return end.digest();
      });
      expect(ends).toContain(readBaseImage(drive, blockBytes).digest());
    }
  });
});
