import type { CellResult, RunSummary } from '../../harness/contract/index.ts';

export const factColumns = ['cell', 'engine', 'fact', 'value'] as const;

type Row = Readonly<Record<(typeof factColumns)[number], string | number>>;

/** What the engine said of itself: one row per value, so that a fact of several rounds has several. */
export function factRows(summary: RunSummary): readonly Row[] {
  return summary.cells.flatMap(rowsOf);
}

function rowsOf({ id, engine, engineFacts, promisedDurability }: CellResult): readonly Row[] {
  const promised = Object.entries(promisedDurability ?? {}).map(
    ([name, value]) => [`promised.${name}`, [value]] as const,
  );
  return [...promised, ...Object.entries(engineFacts ?? {})].flatMap(([fact, values]) =>
    values.map((value) => ({
      cell: id,
      engine,
      fact,
      value: typeof value === 'boolean' ? String(value) : value,
    })),
  );
}
