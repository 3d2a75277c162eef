/** An engine under fio's jobs on real targets: a file and a loop device over one. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { createBackingFile } from '../device/backing-file.ts';
import { createLoopDevice } from '../device/loop.ts';
import type { FioRunReport } from '../fio/rounds/run-report.ts';
import type { EngineLevel, WriteLevels } from '../measure/write-levels/write-levels.ts';
import { runCommand, type CommandRun } from './command-run.fixture.ts';

/** Beside the sources: /tmp may be memory, which takes no direct I/O. */
const cache = fileURLToPath(new URL('../../.cache/', import.meta.url));
fs.mkdirSync(cache, { recursive: true });
const directory = fs.mkdtempSync(path.join(cache, 'cli-fio-engine-'));
afterAll(() => {
  fs.rmSync(directory, { recursive: true });
});

const run = (...words: readonly string[]): Promise<CommandRun> => runCommand(directory, words);

fs.writeFileSync(
  path.join(directory, 'job.fio'),
  '[job]\nioengine=powercut\nrw=randwrite\nbs=4k\nsize=1m\niodepth=4\nfsync=8\nverify=stamp\n',
);

async function levelsOn(target: string): Promise<WriteLevels> {
  const { exitCode, out, error } = await run(
    ...['fio', 'job.fio', '--engine', 'journal', '--engine-set', 'ringPages=256'],
    ...['--target', target, '--json'],
  );
  expect({ exitCode, error }).toEqual({ exitCode: 0, error: '' });
  const [{ writeLevels, jobs }] = (JSON.parse(out) as FioRunReport).runs as [
    FioRunReport['runs'][number],
  ];
  expect(jobs[0]!.verification[0]).toMatchObject({ ops: 256, faultCount: 0 });
  expect(jobs[0]!.metrics.map(({ name }) => name)).toContain('write.iops');
  expect(writeLevels).not.toHaveProperty('simulated');
  return writeLevels;
}

const made = ['--ring-size', '1MiB', '--yes'] as const;

test('a job runs on a journal in a file, again and again, and other contents are refused', async () => {
  expect((await run('journal', 'format', 'scratch', '--size', '16MiB', ...made)).exitCode).toBe(0);
  for (let round = 0; round < 2; round++) {
    const { userBytes, engine, drives } = await levelsOn('./scratch');
    expect(userBytes).toBe(2 ** 20);
    expect(engine).toMatchObject({ userBytes: 2 ** 20 });
    for (const { disk, mediaBytes } of drives) {
      if (!disk.startsWith('nvme')) expect(mediaBytes).toHaveProperty('notReported');
    }
  }
  const wrong = await run('fio', 'job.fio', '--engine', 'journal', '--target', './scratch');
  expect(wrong).toMatchObject({ exitCode: 2 });
  expect(wrong.error).toContain('--engine-set ringPages=256');
});

describe.skipIf(process.getuid?.() !== 0)('on a loop device (needs root)', () => {
  test('@req K5: the block layer counts for itself what the engine says that it submitted', async () => {
    await createBackingFile(path.join(directory, 'disk'), 16 * 2 ** 20);
    const loop = await createLoopDevice(path.join(directory, 'disk'));
    try {
      expect((await run('journal', 'format', loop.node, ...made)).exitCode).toBe(0);
      const { userBytes, engine, blockLayer } = await levelsOn(loop.node);
      const { bytes, flushes, fuaWrites } = engine as EngineLevel;
      expect(userBytes).toBe(2 ** 20);
      // Nobody else writes to this device. Without FUA of its own, one is a write and a flush; and
      // flushes that wait at the same time are one to the kernel.
      expect(blockLayer[0]).toMatchObject({ disk: path.basename(loop.node), bytes });
      expect(blockLayer[0]!.flushes).toBeGreaterThan(0);
      expect(blockLayer[0]!.flushes).toBeLessThanOrEqual(flushes + fuaWrites);
    } finally {
      await loop.detach();
    }
  });
});
