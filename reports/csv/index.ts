import { stringify } from 'csv-stringify/sync';
import { z } from 'zod';
import type { ReporterModule, RunSummary } from '../../harness/contract/index.ts';
import { factColumns, factRows } from './fact-rows.ts';
import { failureColumns, failureRows } from './failure-rows.ts';
import { resultColumns, resultRows } from './result-rows.ts';

const options = z.strictObject({});

const csvReporter: ReporterModule<z.infer<typeof options>> = {
  kind: 'reporter',
  apiVersion: 1,
  name: 'csv',
  summary: 'results.csv (one row per cell and metric), failures.csv, coverage.csv and facts.csv.',
  options,
  create: (_options, output) => ({
    onEvent: () => undefined,
    onEnd: async (summary) => {
      await output.writeFile('results.csv', toCsv(resultColumns, resultRows(summary)));
      await output.writeFile('failures.csv', toCsv(failureColumns, failureRows(summary)));
      await output.writeFile('coverage.csv', toCsv(coverageColumns, coverageRows(summary)));
      await output.writeFile('facts.csv', toCsv(factColumns, factRows(summary)));
    },
  }),
};

export default csvReporter;

const coverageColumns = ['cell', 'round', 'interval', 'checked', 'legal_log10'] as const;

type CoverageRow = Readonly<Record<(typeof coverageColumns)[number], string | number>>;

function coverageRows(summary: RunSummary): readonly CoverageRow[] {
  return summary.cells.flatMap((cell) =>
    cell.coverage.map(({ round, interval, checked, legalLog10 }) => ({
      cell: cell.id,
      round,
      interval,
      checked,
      legal_log10: legalLog10,
    })),
  );
}

function toCsv(
  columns: readonly string[],
  rows: readonly Readonly<Record<string, string | number>>[],
): string {
  return stringify([...rows], {
    columns: [...columns],
    header: true,
    // A spreadsheet runs a cell that begins with = + - or @; device models and errors may.
    escape_formulas: true,
    // RFC 4180.
    record_delimiter: 'windows',
  });
}
