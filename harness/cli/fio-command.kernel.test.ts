import {
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import type { FioRunReport } from '../fio/rounds/run-report.ts';
import { runCommand, type CommandRun } from './command-run.fixture.ts';

/** Beside the sources: /tmp may be memory, which takes no direct I/O. */
const cache = fileURLToPath(new URL('../../.cache/', import.meta.url));
mkdirSync(cache, { recursive: true });
const directory = mkdtempSync(path.join(cache, 'cli-fio-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

const target = path.join(directory, 'data');
const run = (...words: readonly string[]): Promise<CommandRun> => runCommand(directory, words);

function jobFile(name: string, ...options: readonly string[]): string {
  const lines = ['[job]', `filename=${target}`, 'size=1m', 'bs=4k', 'direct=1', ...options, ''];
  writeFileSync(path.join(directory, name), lines.join('\n'));
  return name;
}

test('@req K5: a job has its figures, and each level of writes says its own count or why not', async () => {
  const file = jobFile(
    'write.fio',
    'rw=randwrite',
    'ioengine=io_uring',
    'iodepth=4',
    'fdatasync=8',
  );
  const { exitCode, out } = await run('fio', file, '--json', '--seed', '5');
  expect(exitCode).toBe(0);
  const report = JSON.parse(out) as FioRunReport;
  const [{ jobs, writeLevels }] = report.runs as [FioRunReport['runs'][number]];
  const metrics = jobs[0]!.metrics.map(({ name }) => name);
  expect(metrics).toEqual(expect.arrayContaining(['write.iops', 'write.latency p50']));
  expect(jobs[0]!.unsupported.some((name) => name.startsWith('write.latency p99'))).toBe(true);
  expect(writeLevels.userBytes).toBe(2 ** 20);
  expect(writeLevels.engine).toHaveProperty('notReported');
  for (const { bytes } of writeLevels.blockLayer.slice(0, 1)) {
    // A whole-disk counter: whoever else writes is in it, and what we wrote must be.
    expect(bytes).toBeGreaterThanOrEqual(2 ** 20);
  }
  for (const { disk, mediaBytes } of writeLevels.drives) {
    if (!disk.startsWith('nvme')) expect(mediaBytes).toHaveProperty('notReported');
  }
  expect(report.host.machine).toHaveProperty('CPU mitigations');
  expect(report.storage[0]!.fileSystem).not.toBe('');
});

test('the same job with the same seed does the same operations in the same order', async () => {
  const file = jobFile('digest.fio', 'rw=randrw', 'ioengine=io_uring', 'iodepth=8');
  const digestOf = async (seed: string): Promise<string> => {
    const { out } = await run('fio', file, '--json', '--seed', seed);
    return (JSON.parse(out) as FioRunReport).runs[0]!.jobs[0]!.digests[0]!;
  };
  const digest = await digestOf('1');
  expect(await digestOf('1')).toBe(digest);
  expect(await digestOf('2')).not.toBe(digest);
});

test('a block that is not as written makes the exit code 1 and is named', async () => {
  const options = ['rw=write', 'ioengine=psync', 'verify=crc32c'];
  const written = await run('fio', jobFile('intact.fio', ...options));
  expect(written.exitCode).toBe(0);
  expect(written.out).toContain('all as written');
  const file = openSync(target, 'r+');
  writeSync(file, Buffer.from('planted'), 0, 7, 8192 + 100);
  closeSync(file);
  const checked = await run('fio', jobFile('checked.fio', ...options, 'verify_only=1'));
  expect(checked.out).toMatch(/4096 bytes at 8192 of/);
  expect(checked.exitCode).toBe(1);
});

test('a latency log holds every operation, with the latencies that the answer sums up', async () => {
  const file = jobFile('logged.fio', 'rw=randwrite', 'ioengine=psync', 'write_lat_log=logged');
  const { exitCode, out } = await run('fio', file, '--output-format=json');
  expect(exitCode).toBe(0);
  const [{ write }] = (JSON.parse(out) as { jobs: [{ write: FioDirection }] }).jobs;
  const log = readFileSync(path.join(directory, 'logged_clat.1.log'), 'utf8');
  const latencies = log
    .trim()
    .split('\n')
    .map((line) => Number(line.split(',')[1]));
  expect(latencies).toHaveLength(256);
  expect(write.clat_ns.N).toBe(256);
  expect(Math.max(...latencies)).toBe(write.clat_ns.max);
  const mean = latencies.reduce((sum, latency) => sum + latency) / 256;
  expect(Math.abs(mean - write.clat_ns.mean)).toBeLessThan(1);
  expect(log).toMatch(/^(\d+, \d+, 1, 4096, 0\n){256}$/);
  await run('fio', file, '--repeat', '2');
  expect(readFileSync(path.join(directory, 'logged.logged.fio.2_lat.1.log'), 'utf8')).not.toBe('');
});

interface FioDirection {
  readonly clat_ns: { readonly N: number; readonly max: number; readonly mean: number };
}

test('variants are run in turn, and the comparison pairs them', async () => {
  const fast = jobFile('deep.fio', 'rw=randread', 'ioengine=io_uring', 'iodepth=8');
  const slow = jobFile('shallow.fio', 'rw=randread', 'ioengine=io_uring', 'iodepth=1');
  const answer = ['--output-format=powercut', '--output', 'turns.json'];
  expect((await run('fio', fast, slow, '--repeat', '3', ...answer)).exitCode).toBe(0);
  const { exitCode, out } = await run(
    ...['compare', 'turns.json#deep.fio', 'turns.json#shallow.fio', '--json', '--keep-tainted'],
  );
  expect(exitCode).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ arePaired: true, roundsUsed: [3, 3] });
});
