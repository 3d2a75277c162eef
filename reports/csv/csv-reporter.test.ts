import { expect, test } from 'vitest';
import type { RunSummary } from '../../harness/contract/index.ts';
import {
  emptyRun,
  greenRun,
  mixedRun,
  modesRun,
  passingCell,
  playRun,
  recordOutput,
  runOf,
} from '../run-summary.fixture.ts';
import csvReporter from './index.ts';

type Records = readonly Readonly<Record<string, string>>[];

async function render(summary: RunSummary): Promise<(name: string) => Records> {
  const output = recordOutput(false, 80);
  await playRun(csvReporter.create(csvReporter.options.parse({}), output), summary);
  expect([...output.files.keys()]).toEqual([
    'results.csv',
    'failures.csv',
    'coverage.csv',
    'facts.csv',
  ]);
  return (name) => toRecords(output.files.get(name) ?? '');
}

function toRecords(csv: string): Records {
  const [header = [], ...rows] = parseCsv(csv);
  return rows.map((row) => {
    expect(row).toHaveLength(header.length);
    return Object.fromEntries(header.map((name, index) => [name, row[index] ?? '']));
  });
}

/** RFC 4180, read on its own so that the writer is not checked by itself. */
function parseCsv(csv: string): string[][] {
  const rows: string[][] = [];
  for (const line of csv.match(/(?:"(?:[^"]|"")*"|[^"\r])*\r\n/g) ?? []) {
    const fields = line.slice(0, -2).match(/(?<=^|,)(?:"(?:[^"]|"")*"|[^,]*)/g) ?? [];
    rows.push(fields.map((field) => field.replace(/^"([^]*)"$/, '$1').replaceAll('""', '"')));
  }
  return rows;
}

test('@req K6: results.csv has one row per cell and metric, with its unit', async () => {
  const rows = (await render(mixedRun()))('results.csv');
  const acked = rows.filter((row) => row['metric'] === 'ops_acknowledged');
  expect(acked.map((row) => row['cell'])).toEqual(mixedRun().cells.map((cell) => cell.id));
  expect(acked[0]).toMatchObject({
    value: '1600',
    unit: 'operations',
    verdict: 'pass',
    rig: 'sim',
  });
  const keys = rows.map((row) => `${row['cell'] ?? ''} ${row['metric'] ?? ''}`);
  expect(new Set(keys).size).toBe(keys.length);
  expect(rows.find((row) => row['metric'] === 'engine_bytes_padding')?.['value']).toBe('917504');
});

test('what is not known is empty with the reason, and never 0', async () => {
  const rows = (await render(mixedRun()))('results.csv');
  const device = rows.find((row) => row['metric'] === 'device_bytes');
  expect(device).toMatchObject({ value: '', note: 'not reported' });
  const latency = rows.find((row) => row['cell'] === 'stall' && row['metric'] === 'latency_p50');
  expect(latency).toMatchObject({ value: '', note: 'not measured' });
});

test('simulated flash has rows of its own that say so, and only where there is a model', async () => {
  const green = greenRun();
  const flash = { hostBytes: 4096, programmedBytes: 10_240, erases: 1 };
  const cells = green.cells.map((cell) =>
    cell.writeAmplification === undefined
      ? cell
      : { ...cell, writeAmplification: { ...cell.writeAmplification, simulatedFlash: flash } },
  );
  const rowsOf = async (run: typeof green) =>
    (await render(run))('results.csv').filter((row) => row['metric']?.startsWith('simulated_'));
  const rows = await rowsOf({ ...green, cells });
  const programmed = rows.find((row) => row['metric'] === 'simulated_flash_programmed_bytes');
  expect(programmed).toMatchObject({ value: '10240', unit: 'bytes' });
  expect(rows.every((row) => row['note']?.startsWith('simulated: '))).toBe(true);
  expect(await rowsOf(green)).toEqual([]);
});

test('modelled time is labelled as no performance figure', async () => {
  const rows = (await render(mixedRun()))('results.csv');
  const p99 = rows.filter((row) => row['metric'] === 'latency_p99');
  expect(p99).not.toHaveLength(0);
  expect(p99.every((row) => row['note']?.includes('never a performance figure'))).toBe(true);
});

test('a real verdict stands beside the expectation, and a missing cell has a row', async () => {
  const rows = (await render(mixedRun()))('results.csv');
  const lying = rows.find((row) => row['cell'] === 'lying-drive');
  expect(lying).toMatchObject({ verdict: 'fail', expected: 'fail', expectation_met: 'true' });
  const missing = rows.find((row) => row['cell'] === 'never-finished');
  expect(missing).toMatchObject({ verdict: '', note: 'planned, but left no result' });
});

test('failures.csv has every kept failure with its reproducer, and no formula survives', async () => {
  const rows = (await render(mixedRun()))('failures.csv');
  expect(rows.map((row) => row['kind'])).toEqual(['lost', 'lost', 'recovery-failed']);
  expect(rows[0]).toMatchObject({ place: 'block', place_index: '5', ops: '17', position: '41' });
  expect(rows[0]?.['reproduce']).toContain('#r2-i41-s7');
  expect(rows[2]?.['found']).toBe(`'=cmd|"/c calc"!A1`);
});

test('a name with quotes, commas and line ends is read back as it was', async () => {
  const workload = 'a "b", c\r\nd';
  const summary = runOf([passingCell({ workload })], { status: 'pass', reason: '' }, 0);
  const rows = (await render(summary))('results.csv');
  expect(rows[0]?.['workload']).toBe(workload);
});

test('@req A5, B9: what crashes took by leave of the contract is counted apart', async () => {
  const rows = (await render(modesRun()))('results.csv');
  const valuesOf = (metric: string): readonly (string | undefined)[] =>
    rows.filter((row) => row['metric'] === metric).map((row) => row['value']);
  expect(valuesOf('acknowledged_not_durable')).toEqual(['0', '4350', '8700', '0']);
  expect(valuesOf('exposed_blocks')).toEqual(['0', '174', '0', '0']);
});

test('facts.csv has what the engine said of itself and what it promises, a row for each value', async () => {
  const rows = (await render(modesRun()))('facts.csv');
  const ofWriteback = rows.filter((row) => row['cell'] === 'power-cut-mode-writeback');
  const pairs = ofWriteback.map((row) => [row['fact'], row['value']]);
  expect(pairs).toContainEqual(['mode', 'writeback']);
  expect(pairs).toContainEqual(['promised.durableWhen', 'flushed']);
  expect(pairs).toContainEqual(['journalFuaMedianNs', '20000']);
  expect(pairs).toContainEqual(['journalFuaMedianNs', '24000']);
});

test('coverage.csv has a row per flush interval', async () => {
  const rows = (await render(mixedRun()))('coverage.csv');
  expect(rows).toHaveLength(3 * 24);
  expect(rows[1]).toEqual({
    cell: 'power-cut',
    round: '1',
    interval: '1',
    checked: '41',
    legal_log10: '2.9',
  });
});

test('without cells each file still has its header', async () => {
  const read = await render(emptyRun());
  expect(read('results.csv')).toEqual([]);
});
