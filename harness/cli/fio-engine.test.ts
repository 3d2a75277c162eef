import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { FioRunReport } from '../fio/rounds/run-report.ts';
import type { EngineLevel } from '../measure/write-levels/write-levels.ts';
import { runCommand, type CommandRun } from './command-run.fixture.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'powercut-cli-fio-engine-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

const small = ['--engine', 'journal', '--engine-set', 'ringPages=64', '--twin-size', '40MiB'];
const run = (...words: readonly string[]): Promise<CommandRun> => runCommand(directory, words);

writeFileSync(
  path.join(directory, 'job.fio'),
  '[job]\nioengine=powercut\nrw=randwrite\nbs=4k\nsize=1m\niodepth=4\nfsync=8\n',
);

async function reportOf(...words: readonly string[]): Promise<FioRunReport> {
  const { exitCode, out, error } = await run('fio', 'job.fio', ...small, '--json', ...words);
  expect({ exitCode, error }).toEqual({ exitCode: 0, error: '' });
  return JSON.parse(out) as FioRunReport;
}

test('@req K5: on an engine each level says what it counted, and no level counts for another', async () => {
  const report = await reportOf();
  const { writeLevels, jobs } = report.runs[0]!;
  const engine = writeLevels.engine as EngineLevel;
  const byPurpose = Object.values(engine.bytesByPurpose).reduce((sum, bytes) => sum + bytes, 0);
  // 256 blocks of 4 KiB, each once: the job says exactly how much the user wrote.
  expect(writeLevels.userBytes).toBe(2 ** 20);
  expect(engine.userBytes).toBe(2 ** 20);
  expect(byPurpose).toBe(engine.bytes);
  // Every block goes into the log and, by the end, to its place; there is more of the log than that.
  expect(engine.bytesByPurpose['journal']).toBeGreaterThan(2 ** 20);
  expect(engine.bytesByPurpose['destage']).toBe(2 ** 20);
  expect(engine.closingBytes).toBeGreaterThan(0);
  // The drive counted for itself, and got what the engine says that it sent. Its formatting is not in it.
  const [drive] = writeLevels.drives;
  expect(drive).toMatchObject({
    disk: 'twin',
    hostBytes: engine.bytes,
    mediaBytes: { notReported: 'not reported by this drive' },
    requests: { flushes: engine.flushes, fuaWrites: engine.fuaWrites, discards: 0 },
  });
  expect(engine.flushes + engine.fuaWrites).toBeGreaterThan(0);
  expect(writeLevels.blockLayer).toEqual([]);
  expect(writeLevels.simulated).toMatchObject({ isSimulated: true, hostBytes: engine.bytes });
  expect(jobs[0]!.targets[0]).toMatchObject({ kind: 'volume' });
});

test('what a job counts on the twin is the same each time, and of its time nothing is compared', async () => {
  const [first, second] = (await reportOf('--repeat', '2')).runs;
  expect(second!.writeLevels).toEqual(first!.writeLevels);
  expect(second!.jobs[0]!.metrics).toEqual(first!.jobs[0]!.metrics);
  expect(first!.jobs[0]!.metrics.map(({ name }) => name)).toEqual([
    'engine bytes submitted per user byte',
    'engine flushes per write',
    'engine FUA writes per write',
  ]);
});

test('what was written in the ramp is among what every level counted', async () => {
  const report = await reportOf('--set', 'ramp_time=5ms', '--set', 'loops=8');
  const { writeLevels } = report.runs[0]!;
  expect(writeLevels.userBytes).toBe(8 * 2 ** 20);
  expect((writeLevels.engine as EngineLevel).userBytes).toBe(8 * 2 ** 20);
});

test('the text has the engine, its medium, and a row for each purpose', async () => {
  const { out } = await run('fio', 'job.fio', ...small);
  expect(out).toMatch(/^engine journal on a simulated drive of 41,943,040 bytes\ntimes are those/);
  for (const row of ['user', 'engine submitted', '  for journal', '  for destage']) {
    expect(out).toMatch(new RegExp(`^  ${row} +[\\d,]+ +\\d\\.\\d{3}`, 'm'));
  }
  expect(out).toMatch(/^ {2}flash medium, simulated +[\d,]+/m);
  expect(out).toMatch(/^ {2}drive twin, to its medium +not reported by this drive/m);
});

test.each([
  [['--engine', 'ext4'], /file system: name a file on one/],
  [['--engine', 'journal', '--engine-set', 'rngPages=64'], /did you mean "ringPages"/],
  [['--engine', 'journal', '--engine-set', 'ringPages'], /expected NAME=VALUE/],
  [['--engine', 'journal', '--target', 'none.img'], /no such file/],
  [['--engine', 'journal', '--target', 'job.fio'], /carries no journal.*journal format/],
  [['--engine', 'journal', '--target', 'x', '--twin-size', '64m'], /expected one/],
  [['--engine', 'journal', '--twin-size', '1m'], /--twin-size.*expected at least/],
  [['--engine-set', 'ringPages=64'], /--engine-set without --engine/],
  [[...small, '--set', 'ioengine=psync'], /^job\.fio:1: ioengine: .*ioengine=powercut/m],
  [[...small, '--set', 'numjobs=2'], /^job\.fio:1: numjobs: .*iodepth/],
  [[...small, '--set', 'bs=512'], /^job\.fio:1: .*multiple of 4096/],
  [[...small, '--set', 'size=1g'], /^job\.fio:1: .*the volume has 16777216/],
  [[...small, '--set', 'rw=randtrim'], /^job\.fio:1: .*trim/],
])('%j is refused with what to do instead', async (words, expected) => {
  const { exitCode, error } = await run('fio', 'job.fio', ...words);
  expect(error).toMatch(expected);
  expect(exitCode).toBe(2);
  expect(existsSync(path.join(directory, 'none.img'))).toBe(false);
});
