/** A job file as the workload of scenarios on the kernel: a process that is killed, and a file system. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { RunSummary } from '../contract/index.ts';
import { probeHost } from '../device/host-probe.ts';
import { runCommand } from './command-run.fixture.ts';

const host = probeHost();
const canLoop = host.isRoot && (await host.hasLoopDevices());
const canMount = canLoop && (await host.hasFuse());

const directory = mkdtempSync(path.join(tmpdir(), 'powercut-cli-scenario-job-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});
writeFileSync(
  path.join(directory, 'job.fio'),
  '[job]\nrw=randwrite\nbs=4k\nsize=128k\niodepth=4\nfsync=4\n',
);

async function run(scenario: string, ...words: readonly string[]): Promise<RunSummary> {
  const { exitCode, out } = await runCommand(directory, [
    ...['run', scenario, '--workload', './job.fio', '--reporter', 'json', '--json', ...words],
  ]);
  expect(exitCode).toBe(0);
  return JSON.parse(out) as RunSummary;
}

test.skipIf(!canLoop)('the journal is killed on a loop device in the middle of a job', async () => {
  const loops = ['--set', 'workload.loops=1000', '--rounds', '1'];
  const { cells } = await run('kill-on-loop-device', ...loops);
  expect(cells[0]).toMatchObject({ verdict: { status: 'pass' }, workload: 'fio' });
  expect(cells[0]!.firings).toHaveLength(1);
  expect(cells[0]!.counts.statesJudged).toBeGreaterThan(0);
});

test.skipIf(!canMount)('a job of blocks writes a file on ext4, and power is cut', async () => {
  const { cells } = await run('ext4-ordered', '--states', '8');
  expect(cells[0]).toMatchObject({ verdict: { status: 'pass' }, engine: 'ext4' });
  // The file is made and synced besides; then 32 writes and 7 syncs.
  expect(cells[0]!.counts.opsAcknowledged).toBeGreaterThanOrEqual(39);
  expect(cells[0]!.counts.statesJudged).toBe(8);
});
