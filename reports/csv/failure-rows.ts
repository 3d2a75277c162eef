import type { CellResult, Failure, RunSummary } from '../../harness/contract/index.ts';

export const failureColumns = [
  'cell',
  'engine',
  'workload',
  'faults',
  'expectation_met',
  'kind',
  'place',
  'place_index',
  'ops',
  'expected',
  'found',
  'position',
  'state',
  'proof',
  'reproduce',
] as const;

type Row = Readonly<Record<(typeof failureColumns)[number], string | number>>;

/** Every failure that the summary keeps; `violations` in results.csv counts all there were. */
export function failureRows(summary: RunSummary): readonly Row[] {
  return summary.cells.flatMap((cell) => cell.failures.map((failure) => rowOf(cell, failure)));
}

function rowOf(cell: CellResult, failure: Failure): Row {
  const { violation } = failure;
  return {
    cell: cell.id,
    engine: cell.engine,
    workload: cell.workload,
    faults: cell.faults.join(' + '),
    expectation_met: String(cell.expectationMet),
    kind: violation.kind,
    place: violation.place.kind,
    place_index: indexOf(violation.place),
    ops: violation.ops.join(' '),
    expected: violation.expected,
    found: violation.found,
    position: violation.position,
    state: failure.state,
    proof: failure.proof?.conclusion ?? '',
    reproduce: failure.reproduce,
  };
}

function indexOf(place: Failure['violation']['place']): number | string {
  switch (place.kind) {
    case 'block':
      return place.block;
    case 'log':
      return place.index;
    case 'path':
      return place.path;
    case 'volume':
    case 'recovery':
      return '';
  }
}
