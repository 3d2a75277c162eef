import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runCommand, type CommandRun } from './command-run.fixture.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'powercut-cli-compare-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

const compare = (...words: readonly string[]): Promise<CommandRun> =>
  runCommand(directory, ['compare', ...words]);

function write(name: string, content: object): string {
  mkdirSync(path.join(directory, path.dirname(name)), { recursive: true });
  writeFileSync(path.join(directory, name), JSON.stringify(content));
  return name;
}

/** A night of twelve rounds in turn, in which the variants reach these rates. */
function night(name: string, rates: Readonly<Record<string, number>>, faultCount = 0): string {
  const weather = { stealPart: 0, foreignCpuPart: 0, spinNs: 100 };
  const comparison = { by: 'timing', relevantChange: 0.05 };
  return write(name, {
    kind: 'powercut-fio',
    schemaVersion: 1,
    host: { kernel: '6.1', node: 'v20', cpuModel: 'x', machine: { 'CPU governor': 'performance' } },
    storage: [],
    runs: Array.from({ length: 12 }, (_, round) =>
      Object.entries(rates).map(([variant, rate]) => ({
        round,
        variant,
        weather,
        jobs: [
          {
            name: 'job',
            options: {},
            errorCount: 0,
            verification: [{ faultCount }],
            metrics: [
              {
                name: 'write.iops',
                unit: '1/s',
                better: 'higher',
                comparison,
                value: rate * (1 + 0.001 * (round % 5)),
              },
            ],
          },
        ],
      })),
    ).flat(),
  });
}

test('a slower candidate is worse, with the interval, and the gate closes with 5', async () => {
  const file = night('night.json', { 'a.fio': 1000, 'b.fio': 900 });
  const { exitCode, out } = await compare(`${file}#a.fio`, `${file}#b.fio`);
  expect(exitCode).toBe(0);
  expect(out).toContain('12 pairs of runs');
  expect(out).toMatch(/write\.iops +1\.00k\/s +901\/s +−10\.0 % +−10\.0 % to −10\.0 % +worse/);
  expect((await compare(`${file}#a.fio`, `${file}#b.fio`, '--gate')).exitCode).toBe(5);
  expect((await compare(`${file}#b.fio`, `${file}#a.fio`, '--gate')).out).toContain('better');
  expect((await compare(`${file}#b.fio`, `${file}#a.fio`, '--gate')).exitCode).toBe(0);
});

test('the answer as JSON has the verdict and the bounds', async () => {
  const file = night('json.json', { 'a.fio': 1000, 'b.fio': 1001 });
  const { out } = await compare(`${file}#a.fio`, `${file}#b.fio`, '--json');
  expect(JSON.parse(out)).toMatchObject({
    arePaired: true,
    metrics: [{ name: 'write.iops', verdict: 'no difference' }],
  });
});

test('something that was not as written closes the gate with 1, whatever the speed', async () => {
  const before = night('before.json', { 'a.fio': 1000 });
  const after = night('after.json', { 'a.fio': 2000 }, 1);
  const { exitCode, out } = await compare(before, after, '--gate');
  expect(exitCode).toBe(1);
  expect(out).toMatch(/verified +worse/);
});

test('a file of several job files wants one named, and says which there are', async () => {
  const file = night('several.json', { 'a.fio': 1, 'b.fio': 1 });
  const none = await compare(file, `${file}#a.fio`);
  expect(none.exitCode).toBe(2);
  expect(none.error).toContain('several.json#a.fio, several.json#b.fio');
  expect((await compare(`${file}#a.foi`, file)).error).toContain('did you mean "a.fio"?');
});

/** fio's own JSON, as far as it is read. */
function fioJson(name: string, iops: number): string {
  const clat = { N: 500, percentile: { '50.000000': 1e9 / iops } };
  return write(name, {
    'fio version': 'fio-3.33',
    jobs: [
      {
        jobname: 'a',
        write: { total_ios: 500, iops, bw_bytes: iops * 4096, clat_ns: clat },
      },
    ],
  });
}

test('directories of JSON of fio itself are compared, each file one repetition', async () => {
  for (let file = 0; file < 7; file++) {
    fioJson(`old/${file}.json`, 1000 + file);
    fioJson(`new/${file}.json`, 1300 + file);
  }
  const { exitCode, out } = await compare('old', 'new');
  expect(exitCode).toBe(0);
  expect(out).toMatch(/write\.iops .*better/);
  expect(out).toMatch(/write\.completion latency p50 .*better/);
  expect(out).toContain('warning: the runs were not made in turn');
  expect((await compare('new', 'old', '--gate')).exitCode).toBe(5);
});

test('one run against one is inconclusive, and so says the gate', async () => {
  fioJson('one.json', 1000);
  fioJson('two.json', 100);
  const { exitCode, out } = await compare('one.json', 'two.json', '--gate');
  expect(exitCode).toBe(4);
  expect(out).toContain('too few for a bound, at least 6 runs of each side are needed');
});

function cells(name: string, change: { deviceBytes?: number; expectationMet?: boolean }): string {
  const { deviceBytes = 200, expectationMet = true } = change;
  write(`${name}/run.json`, {
    schemaVersion: 1,
    runId: name,
    host: { kernel: '6.1', node: 'v20', cpuModel: 'x' },
    cells: [
      {
        id: 'bank',
        expectationMet,
        counts: { rounds: 3, violations: 0, opsAcknowledged: 10 },
        writeAmplification: {
          userBytes: 100,
          engineBytes: { journal: 120, destage: 100 },
          deviceBytes,
          flushes: 5,
        },
      },
    ],
  });
  return name;
}

test('runs of scenarios are compared by what they lost and by what they counted', async () => {
  const before = cells('monday', {});
  const same = await compare(before, cells('tuesday', {}), '--gate');
  expect(same.exitCode).toBe(0);
  expect(same.out).toMatch(/bank: device bytes per user byte .*no difference/);
  const more = await compare(before, cells('wednesday', { deviceBytes: 204 }), '--gate');
  expect(more.exitCode).toBe(5);
  const lost = await compare(before, cells('thursday', { expectationMet: false }), '--gate');
  expect(lost.exitCode).toBe(1);
});

test('what is no run is refused with what was expected', async () => {
  writeFileSync(path.join(directory, 'text.json'), 'nothing');
  mkdirSync(path.join(directory, 'hollow'));
  for (const place of ['absent', 'text.json', 'hollow', write('odd.json', { jobs: 3 })]) {
    const { exitCode, error } = await compare(place, place);
    expect(exitCode).toBe(2);
    expect(error).toContain('expected a run directory, JSON of powercut fio, or JSON of fio');
  }
});
