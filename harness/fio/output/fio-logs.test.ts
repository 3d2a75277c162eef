import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { fioMissing, hasFio } from '../../measure/fio.ts';
import { OpLog } from '../data-plane/op-log.ts';
import { jobWith } from '../job-file/reading.fixture.ts';
import { logFilesOf, writeLogFiles } from './fio-logs.ts';
import { resultWith } from './job-result.fixture.ts';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'fio-logs-'));
afterAll(() => {
  fs.rmSync(directory, { recursive: true });
});
const inDirectory = (name: string): string => path.join(directory, name);

function resultOf(...options: readonly string[]): ReturnType<typeof resultWith> {
  const log = new OpLog(0);
  log.restart(0);
  log.record(1, 4096, 0, 0.5, 1.25);
  return resultWith({ job: jobWith('rw=write', 'size=4k', ...options), log: log.snapshot(2) });
}

test('each log that a job asks for is a file of its own, named as by fio', () => {
  const result = resultOf('write_lat_log=a', 'write_bw_log', 'write_iops_log=b');
  expect(logFilesOf([result]).map((file) => file.path)).toEqual([
    ...['a_slat.1.log', 'a_clat.1.log', 'a_lat.1.log'],
    ...[`${result.job.name}_bw.1.log`, 'b_iops.1.log'],
  ]);
  expect(logFilesOf([result], '.after.2')[0]!.path).toBe('a.after.2_slat.1.log');
  expect(logFilesOf([resultWith()])).toEqual([]);
});

test('a job whose submission has no time of its own has no log of it', () => {
  const result = resultOf('write_lat_log=a');
  const combined = { ...result, mode: { ...result.mode, calls: 'combined' as const } };
  expect(logFilesOf([combined]).map(({ kind }) => kind)).toEqual(['clat', 'lat']);
});

test('jobs share one file where the logs are not to be per job', () => {
  const results = [1, 2].map(() => resultOf('write_iops_log=shared', 'per_job_logs=0'));
  expect(writeLogFiles(logFilesOf(results), inDirectory)).toEqual(['shared_iops.log']);
  expect(fs.readFileSync(inDirectory('shared_iops.log'), 'utf8')).toBe(
    '1, 1, 1, 4096, 0\n1, 1, 1, 4096, 0\n',
  );
});

test("a log has fio's names and the form of fio's lines", async (context) => {
  context.skip(!(await hasFio()), fioMissing);
  const options = ['rw=write', 'bs=4k', 'size=4k', 'write_lat_log=fio', 'write_bw_log=fio'];
  const words = [...options, 'name=a', 'write_iops_log=fio', 'ioengine=psync', 'filename=data'];
  await execa(
    'fio',
    words.map((word) => `--${word}`),
    { cwd: directory, stdin: 'ignore' },
  );
  const names = fs.readdirSync(directory).filter((name) => name.startsWith('fio_'));
  const ours = logFilesOf([resultOf(...options, 'write_iops_log=fio')]);
  expect(ours.map((file) => file.path).sort()).toEqual(names.sort());
  writeLogFiles(ours, (name) => inDirectory(`ours-${name}`));
  const formOf = (name: string): string =>
    fs.readFileSync(inDirectory(name), 'utf8').replace(/^\d+, \d+/, 'time, value');
  for (const name of ['fio_clat.1.log', 'fio_lat.1.log', 'fio_bw.1.log', 'fio_iops.1.log']) {
    expect(formOf(`ours-${name}`), name).toBe(formOf(name));
  }
});
