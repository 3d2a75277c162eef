import { faultsOf, stateOf, type CellState } from './cell-state.ts';
import { nounFor } from './noun-for.ts';
import type { CellResult, RunSummary } from './results.ts';
import type { ViolationKind } from './verifier.ts';

/** A sentence with more names than this is not read. */
const namedPlacesMax = 3;

/** The run in one sentence: the verdict, the worst cell, and what became of all the others. */
export function verdictSentence(summary: RunSummary): string {
  const word = summary.verdict.status.toUpperCase();
  const planned = countPlanned(summary);
  if (planned === 0) return `${word}: no cell was planned.`;
  const worst = describeWorst(summary.cells, planned);
  const rest = tally(summary);
  if (worst !== undefined) return `${word}: ${[worst, rest].filter(Boolean).join('; ')}.`;
  return `${word}: ${rest.replace(/^(\d+)( pass)/, `$1 of ${countNoun(planned, 'cell')}$2`)}.`;
}

export function missingCells(summary: RunSummary): readonly string[] {
  const present = new Set(summary.cells.map((cell) => cell.id));
  return summary.expectedCells.filter((id) => !present.has(id));
}

function countPlanned(summary: RunSummary): number {
  return summary.cells.length + missingCells(summary).length;
}

const deeds: Readonly<Record<ViolationKind, string>> = {
  lost: 'lost acknowledged writes',
  stale: 'served older data than was acknowledged',
  torn: 'served torn blocks',
  misdirected: 'served blocks of another place',
  corrupt: 'served corrupt blocks',
  resurrected: 'brought overwritten data back',
  zeroed: 'served zeros for acknowledged writes',
  reordered: 'lost the order of writes',
  'not-atomic': 'tore a transaction apart',
  invariant: "broke the workload's invariant",
  exposed: 'exposed deleted data',
  inconsistent: 'left a damaged file system',
  'recovery-failed': 'failed to recover',
  'recovery-not-idempotent': 'recovered differently the second time',
};

function describeWorst(cells: readonly CellResult[], planned: number): string | undefined {
  const failing = cellsIn(cells, 'fail');
  const unexpected = cellsIn(cells, 'unexpected-pass');
  const share = (count: number): string => `${count} of ${countNoun(planned, 'cell')}`;
  const parts: string[] = [];
  if (failing[0] !== undefined) {
    const violations = countNoun(failing[0].counts.violations, 'violation');
    parts.push(`${describeFailure(failing[0])} (${violations}, ${share(failing.length)})`);
  }
  if (unexpected[0] !== undefined) {
    const passed = `${placeOf(unexpected[0])} passed, although a failure was expected`;
    parts.push(`${passed} (${share(unexpected.length)})`);
  }
  return parts.length === 0 ? undefined : parts.join('; ');
}

function describeFailure(cell: CellResult): string {
  const kind = cell.failures[0]?.violation.kind;
  const deed = kind === undefined ? 'broke its promise' : deeds[kind];
  return `${cell.engine} ${deed} ${underFaults(cell)}`;
}

function tally(summary: RunSummary): string {
  const { cells } = summary;
  const expected = cellsIn(cells, 'expected-fail');
  const passed = cellsIn(cells, 'pass').length;
  const clauses = [
    clause(passed, passed === 1 ? 'passes' : 'pass'),
    clause(
      expected.length,
      `${expected.length === 1 ? 'fails' : 'fail'} as expected (${listPlaces(expected)})`,
    ),
    clause(cellsIn(cells, 'inconclusive').length, 'inconclusive'),
    clause(cellsIn(cells, 'error').length, 'error'),
    clause(cellsIn(cells, 'skip').length, 'skipped'),
    clause(missingCells(summary).length, 'without a result'),
  ];
  return clauses.filter((text) => text !== undefined).join(', ');
}

function listPlaces(cells: readonly CellResult[]): string {
  const named = [...new Set(cells.map(placeOf))];
  const more = named.length - namedPlacesMax;
  const shown = named.slice(0, namedPlacesMax).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}

function clause(count: number, text: string): string | undefined {
  return count === 0 ? undefined : `${count} ${text}`;
}

function cellsIn(cells: readonly CellResult[], state: CellState): readonly CellResult[] {
  return cells.filter((cell) => stateOf(cell) === state);
}

function placeOf(cell: CellResult): string {
  return `${cell.engine} ${underFaults(cell)}`;
}

function underFaults(cell: CellResult): string {
  return cell.faults.length === 0 ? 'without a fault' : `under ${faultsOf(cell)}`;
}

function countNoun(count: number, noun: string): string {
  return `${count} ${nounFor(count, noun)}`;
}
