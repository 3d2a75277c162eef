import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runCommand, type CommandRun } from './command-run.fixture.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'powercut-cli-fio-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

const target = path.join(directory, 'data');
const run = (...words: readonly string[]): Promise<CommandRun> => runCommand(directory, words);

function jobFile(name: string, ...options: readonly string[]): string {
  const lines = ['[job]', `filename=${target}`, 'size=40k', ...options, ''];
  writeFileSync(path.join(directory, name), lines.join('\n'));
  return name;
}

test('a plan is the same for the same seed, another for another, and writes nothing', async () => {
  const file = jobFile('plan.fio', 'rw=randwrite', 'fsync=4');
  const digestOf = async (...words: readonly string[]): Promise<string> => {
    const { exitCode, out } = await run('fio', file, '--plan', '--json', ...words);
    expect(exitCode).toBe(0);
    return (JSON.parse(out) as { jobs: { digest: string }[] }).jobs[0]!.digest;
  };
  const digest = await digestOf('--seed', '7');
  expect(await digestOf('--seed', '7')).toBe(digest);
  expect(await digestOf('--seed', '8')).not.toBe(digest);
  expect(await digestOf('--seed', '7', '--set', 'fsync=3')).not.toBe(digest);
  const { out } = await run('fio', file, '--plan', '--plan-ops', '3');
  expect(out).toMatch(/digest [0-9a-f]{64} over 3 operations, and more after them/);
  expect(out.match(/^ {4}write /gm)).toHaveLength(3);
  expect(existsSync(target)).toBe(false);
});

test.each([
  [['bs=4q'], /^bad\.fio:4: bs: .*4q/],
  [['rw=randwrite', 'direct=1', 'bs=1000'], /^bad\.fio:\d+: .*1000/],
  [['rw=write', 'size=-4k'], /^bad\.fio:5: size: /],
  [['rw=write', 'ioengine=io_uring', 'iodepth=99999'], /^bad\.fio:6: iodepth: /],
  [['rw=write', 'fysnc=1'], /^bad\.fio:5: fysnc: .*fsync/],
  [['rw=write', 'size=4p'], /^bad\.fio:1: .*room for \d+; make size/],
])('%j is refused with file, line and fix, before anything is written', async (options, words) => {
  const { exitCode, error } = await run('fio', jobFile('bad.fio', ...options));
  expect(exitCode).toBe(2);
  expect(error).toMatch(words);
  expect(existsSync(target)).toBe(false);
});

test.each([
  ['rw=write\nsize=4k\n', /^bad\.fio:1: .*before any section; begin with/m],
  ['[global]\nrw=write\n', /^bad\.fio: there is no job; add a section/m],
  ['[a]\n[b]\n', /^bad\.fio:6: b and a \(line 5\) write one region .*stonewall/m],
  ['[a]\nioengine=powercut\n', /^bad\.fio:5: ioengine: .*powercut run/m],
])('%j is refused with file, line and fix, before anything is written', async (sections, words) => {
  const head = sections.startsWith('[a]')
    ? `[global]\nfilename=${target}\nsize=40k\nrw=write\n`
    : '';
  writeFileSync(path.join(directory, 'bad.fio'), head + sections);
  const { exitCode, error } = await run('fio', 'bad.fio');
  expect(error).toMatch(words);
  expect(exitCode).toBe(2);
  expect(existsSync(target)).toBe(false);
});

test('files that are missing, empty or named twice are refused', async () => {
  writeFileSync(path.join(directory, 'empty.fio'), '[global]\nbs=4k\n');
  expect(await run('fio', 'none.fio')).toMatchObject({ exitCode: 2 });
  expect((await run('fio', 'empty.fio')).error).toContain('there is no job');
  const file = jobFile('twice.fio', 'rw=read');
  expect((await run('fio', file, file)).error).toContain('--repeat');
  expect((await run('fio')).exitCode).toBe(2);
  expect((await run('fio', file, '--output-format=xml')).exitCode).toBe(2);
});

test("fio's own words make a job, behind a double dash", async () => {
  const words = ['--name=a', '--rw=write', '--size=8k', `--filename=${target}`];
  const { exitCode, out } = await run('fio', '--plan', '--', ...words);
  expect(exitCode).toBe(0);
  expect(out).toContain(`write ${target} 4096 4096`);
});

test('an option that changes nothing here is a warning on standard error', async () => {
  const file = jobFile('warned.fio', 'rw=write', 'numa_mem_policy=local');
  const { exitCode, error } = await run('fio', file, '--plan');
  expect(exitCode).toBe(0);
  expect(error).toMatch(/^warning: warned\.fio:5: numa_mem_policy: /);
});

test('a job file is the workload of a scenario, and --set then names its options', async () => {
  const file = jobFile('workload.fio', 'rw=randwrite', 'fsync=2');
  const dryRun = async (...words: readonly string[]): Promise<CommandRun> =>
    run('run', '--engine', 'journal', '--workload', ...words, '--dry-run', '--json');
  const { exitCode, out } = await dryRun(`./${file}`, '--set', 'workload.fsync=5');
  expect(exitCode).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    scenarios: [{ workload: { use: 'fio', with: { name: 'job', durability: { fsyncEvery: 5 } } } }],
  });
  const wrong = await dryRun(`./${file}#jbo`);
  expect(wrong.exitCode).toBe(2);
  expect(wrong.error).toContain('did you mean "job"?');
  expect((await dryRun('./none.fio')).error).toContain('none.fio cannot be read');
});

test('figures go to a file in the form that was asked for, one document in it', async () => {
  const file = jobFile('null.fio', 'rw=randwrite', 'ioengine=null');
  const { exitCode, out } = await run(
    ...['fio', file, '--repeat', '2', '--output-format=json+', '--output', 'answer.json'],
  );
  expect({ exitCode, out }).toEqual({ exitCode: 0, out: '' });
  const answer = JSON.parse(readFileSync(path.join(directory, 'answer.json'), 'utf8')) as object;
  expect(answer).toMatchObject({
    jobs: [
      { jobname: 'job', round: 0, write: { total_ios: 10 } },
      { jobname: 'job', round: 1, write: { total_ios: 10 } },
    ],
    powercut: { kind: 'powercut-fio', seed: 0 },
  });
  rmSync(target, { force: true });
});

test('a run that was interrupted says so by its exit code', async () => {
  const file = jobFile('stopped.fio', 'rw=write', 'ioengine=null', 'time_based', 'runtime=60s');
  const { exitCode } = await runCommand(directory, ['fio', file], AbortSignal.abort('SIGTERM'));
  expect(exitCode).toBe(143);
  rmSync(target, { force: true });
});
