import { describe, expect, test } from 'vitest';
import type { CellResult } from '../../harness/contract/index.ts';
import {
  failingCell,
  modesRun,
  passingCell,
  playRun,
  recordOutput,
} from '../run-summary.fixture.ts';
import htmlReporter from './index.tsx';
import { comparisonsOf } from './side-by-side.ts';

/** The rows of the page's table, by the name at the left. */
async function rowsOf(cells = modesRun().cells): Promise<ReadonlyMap<string, readonly string[]>> {
  const output = recordOutput(false, 80);
  const reporter = htmlReporter.create(htmlReporter.options.parse({}), output);
  await playRun(reporter, { ...modesRun(), cells });
  const html = output.files.get('report.html') ?? '';
  const table = /<table class="side-by-side">[^]*?<\/table>/.exec(html)?.[0] ?? '';
  const rows = [...table.matchAll(/<tr[^>]*>([^]*?)<\/tr>/g)].map((row) =>
    [...row[1]!.matchAll(/<t[hd][^>]*>([^]*?)<\/t[hd]>/g)].map((value) =>
      value[1]!
        .replace(/<[^>]*>/g, ' ')
        .replace(/\s+/g, ' ')
        .trim(),
    ),
  );
  return new Map(rows.map(([name = '', ...values]) => [name, values]));
}

describe('@req A5, D4: the modes of an engine side by side', () => {
  test('are a column each, with the verdict and what each promises', async () => {
    const rows = await rowsOf();
    expect(rows.get('mode')).toEqual(['journal', 'writeback', 'none']);
    expect(rows.get('verdict')).toEqual(['✓ pass', '✓ pass', '✓ pass']);
    expect(rows.get('promises')?.[0]).toMatch(/^durable when acknowledged an operation is all/);
    expect(rows.get('promises')?.[1]).toMatch(/durable when flushed.*not flushed shows anything$/);
    expect(rows.get('promises')?.[2]).toMatch(/a block is all or nothing.*shows old or new$/);
  });

  test('show what the same crashes took from each, and what they exposed', async () => {
    const rows = await rowsOf();
    expect(rows.get('acknowledged writes that crashes took, as allowed')).toEqual([
      'none',
      '4,350, 2.5 in each image',
      '8,700, 5.0 in each image',
    ]);
    expect(rows.get('stale or foreign blocks that crashes exposed, as allowed')).toEqual([
      'none',
      '174, 0.1 in each image',
      'none',
    ]);
  });

  test('say what else the engine does differently, and what was broken', async () => {
    const lost = failingCell().failures;
    const cells = modesRun().cells.map((cell, index) => ({
      ...cell,
      failures: index === 2 ? lost : [],
      counts: { ...cell.counts, violations: index === 2 ? 41 : 0 },
      engineFacts: { ...cell.engineFacts, journalDurability: [index === 1 ? 'flush' : 'fua'] },
    }));
    const rows = await rowsOf(cells);
    expect(rows.get('journal durability')).toEqual(['fua', 'flush', 'fua']);
    expect(rows.has('journal FUA median')).toBe(false);
    expect(rows.get('promises broken')).toEqual(['none', 'none', '41: lost, recovery-failed']);
  });

  test('show the price of each: bytes by purpose, flushes, FUA writes', async () => {
    const rows = await rowsOf();
    const ratio = rows.get('bytes written for each byte of the user');
    expect(ratio).toEqual(['2.35×', '1.00×', '1.00×']);
    expect(rows.get('journal')).toEqual(['1.20× (7.5 MiB)', '0', '0']);
    expect(rows.get('data')).toEqual(['not reported', '1.00× (6.25 MiB)', '1.00× (6.25 MiB)']);
    expect(rows.get('flushes for each acknowledged operation')).toEqual([
      '0.26 (410)',
      '0.05 (80)',
      '0.05 (80)',
    ]);
    expect(rows.get('FUA writes for each acknowledged operation')?.[1]).toBe('0.00 (0)');
  });

  test('never show 0 for what was not counted', async () => {
    const cells = modesRun().cells.map((cell) => ({ ...cell, writeAmplification: undefined }));
    const rows = await rowsOf(cells);
    const all = ['not counted', 'not counted', 'not counted'];
    expect(rows.get('bytes written for each byte of the user')).toEqual(all);
    expect(rows.get('flushes for each acknowledged operation')).toEqual(all);
  });
});

describe('cells are compared', () => {
  const cell = (id: string, changes: Partial<CellResult['scenario']>): CellResult => {
    const plain = passingCell({ id });
    return { ...plain, scenario: { ...plain.scenario, name: id, ...changes } };
  };
  const ordered = { engine: { use: 'journal', with: { ringPages: 64, mode: 'ordered' } } };

  test('where nothing but the set-up of the engine differs', () => {
    const [found] = comparisonsOf([cell('a', {}), cell('b', ordered)]);
    expect(found?.setUps.map(({ title }) => title)).toEqual(['journal', 'ordered']);
  });

  test.each([
    ['workload', { workload: { use: 'bank' } }],
    ['seed', { seed: 2 }],
    ['number of crash states', { explore: { rounds: 4, states: 1000, nestedStates: 300 } }],
    ['limits', { limits: { ops: 100, queueDepth: 8, durationMs: 60_000 } }],
  ])('and not where they differ in the %s too', (_what, changes) => {
    expect(comparisonsOf([cell('a', {}), cell('b', { ...ordered, ...changes })])).toEqual([]);
  });

  test('and not with themselves', () => {
    expect(comparisonsOf([cell('a', {}), cell('b', {})])).toEqual([]);
  });

  test('under the names of all options that differ', () => {
    const both = { engine: { use: 'journal', with: { mode: 'ordered', doubleWrite: 'destage' } } };
    const [found] = comparisonsOf([cell('a', {}), cell('b', both)]);
    expect(found?.differsIn).toEqual(['ringPages', 'mode', 'doubleWrite']);
    expect(found?.setUps.map(({ title }) => title)).toEqual([
      'ringPages 64, mode journal, doubleWrite by default',
      'ringPages by default, mode ordered, doubleWrite destage',
    ]);
  });
});
