import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { RunSummary } from '../contract/index.ts';
import { runCommand, type CommandRun } from './command-run.fixture.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'powercut-cli-scenario-job-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});
mkdirSync(path.join(directory, 'below'));

const run = (...words: readonly string[]): Promise<CommandRun> => runCommand(directory, words);
const write = (name: string, ...lines: readonly string[]): void => {
  writeFileSync(path.join(directory, name), [...lines, ''].join('\n'));
};

write('zipf.fio', '[zipf]', 'rw=randwrite', 'bs=4k', 'size=128k', 'fsync=4', 'iodepth=4');
write('reads.fio', '[r]', 'rw=randread', 'size=128k');
write('clones.fio', '[c]', 'rw=randwrite', 'size=128k', 'numjobs=4');
write('wrong.fio', '[w]', 'rw=randwrite', 'size=128k', 'latency_target=5ms', 'bs=4q');
write('below/two.fio', '[global]', 'size=64k', '[a]', 'rw=write', '[b]', 'rw=randwrite', 'fsync=9');
scenarioFile('two.yaml', '{ use: ./two.fio#b, with: { iodepth: 7, ioengine: libaio } }');
scenarioFile('wrong.yaml', '../wrong.fio');
scenarioFile('none.yaml', './none.fio');

function scenarioFile(name: string, workload: string): void {
  write(
    path.join('below', name),
    ...['name: with-a-job', 'because: a job is a workload', 'engine: journal'],
    ...[`workload: ${workload}`, 'faults: [{ use: power-cut, at: { op: 9 } }]'],
  );
}

test('a job file stands in a scenario file, beside which it is looked for, with options that outrank it', async () => {
  const words = ['run', './below/two.yaml', '--set', 'workload.fsync=3', '--dry-run', '--json'];
  const { exitCode, out } = await run(...words);
  expect(exitCode).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    scenarios: [
      {
        workload: {
          use: 'fio',
          with: { name: 'b', durability: { fsyncEvery: 3 }, queue: { depth: 7 } },
        },
      },
    ],
  });
});

test('a job file takes the place of the workload of a scenario that is named', async () => {
  const words = ['--workload', './zipf.fio', '--set', 'workload.bs=8k', '--dry-run', '--json'];
  const { exitCode, out } = await run('run', 'lying-flush', 'kill-on-loop-device', ...words);
  expect(exitCode).toBe(0);
  const { scenarios } = JSON.parse(out) as { readonly scenarios: readonly object[] };
  expect(scenarios).toMatchObject(
    ['lying-flush', 'kill-on-loop-device'].map((name) => ({
      name,
      workload: { with: { name: 'zipf', pattern: { blocks: { write: { minBytes: 8192 } } } } },
    })),
  );
  const named = await run('run', 'lying-flush', '--workload', 'bank', '--dry-run', '--json');
  expect(JSON.parse(named.out)).toMatchObject({ scenarios: [{ workload: { use: 'bank' } }] });
});

test.each([
  [['./below/wrong.yaml'], /^\.\/below\/wrong\.yaml:4:11: \.\.\/wrong\.fio:4: latency_target: /m],
  [['./below/wrong.yaml'], /^\.\/below\/wrong\.yaml:4:11: \.\.\/wrong\.fio:5: bs: .*4q/m],
  [['./below/none.yaml'], /^\.\/below\/none\.yaml:4:11: \.\/none\.fio cannot be read/],
  [['lying-flush', '--workload', './none.fio'], /^--workload \.\/none\.fio: .*cannot be read/],
  [['lying-flush', '--workload', './reads.fio'], /reads\.fio:1: rw: .*writes nothing.*randrw/],
  [['lying-flush', '--workload', './clones.fio'], /clones\.fio:1: numjobs: .*numjobs=1/],
  [['lying-flush', '--workload', './below/two.fio'], /two\.fio#a, .*two\.fio#b/],
  [['lying-flush', '--workload', './below/two.fio#c'], /expected one of .*two\.fio#a/],
])('%j is refused with where and what to do, and nothing is run', async (words, expected) => {
  const { exitCode, error } = await run('run', ...words, '--out', 'none');
  expect(error).toMatch(expected);
  expect(exitCode).toBe(2);
});

/** The journal on the twin, few states: each run takes a second. */
const quick = ['--states', '40', '--rounds', '1', '--reporter', 'json', '--json'] as const;

test('a job with a skewed distribution and verify= survives a power cut on the twin', async () => {
  const options = ['random_distribution=zipf:1.2', 'norandommap=1', 'verify=crc32c', 'iodepth=1'];
  const { exitCode, out } = await run(
    ...['run', 'power-cut-hot-spot-512', '--workload', './zipf.fio', '--out', 'passes', ...quick],
    ...options.flatMap((option) => ['--set', `workload.${option}`]),
  );
  const summary = JSON.parse(out) as RunSummary;
  expect({ exitCode, status: summary.verdict.status }).toEqual({ exitCode: 0, status: 'pass' });
  // 32 writes, and a flush after each fourth but the last.
  expect(summary.cells[0]!.counts.opsAcknowledged).toBe(39);
});

test('what a job lost is judged and replayed by the printed command, without its file', async () => {
  write('gone.fio', '[gone]', 'rw=randwrite', 'bs=4k', 'size=128k', 'fsync=2');
  const first = await run(
    ...['run', 'lying-flush', '--workload', './gone.fio', '--out', 'fails', ...quick],
  );
  rmSync(path.join(directory, 'gone.fio'));
  expect(first.exitCode).toBe(0);
  const [failure] = (JSON.parse(first.out) as RunSummary).cells[0]!.failures;
  const [program, ...words] = failure!.reproduce.split(' ');
  expect(program).toBe('powercut');
  const replayed = await run(...words);
  expect(replayed.exitCode).toBe(1);
  expect(replayed.out).toContain(`${failure!.violation.kind} at block`);
  expect((await run('verify', 'fails')).exitCode).toBe(0);
});

test('a job larger than the volume says its line and the size that fits', async () => {
  const { exitCode, out } = await run(
    ...['run', 'lying-flush', '--workload', './zipf.fio', '--set', 'workload.size=1g'],
    ...['--out', 'large', ...quick],
  );
  expect(exitCode).toBe(4);
  expect((JSON.parse(out) as RunSummary).cells[0]!.verdict.reason).toMatch(
    /zipf\.fio:1: .*a size of at most 262144/,
  );
});
