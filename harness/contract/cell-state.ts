import type { CellResult } from './results.ts';

/** What became of a cell, with the expectation taken into account. */
export type CellState =
  'pass' | 'fail' | 'expected-fail' | 'unexpected-pass' | 'inconclusive' | 'error' | 'skip';

export function stateOf(cell: CellResult): CellState {
  const { status } = cell.verdict;
  if (status === 'pass' && !cell.expectationMet) return 'unexpected-pass';
  if (status === 'fail' && cell.expectationMet && cell.expectation.verdict === 'fail') {
    return 'expected-fail';
  }
  return status;
}

export function isAsWished(state: CellState): boolean {
  return state === 'pass' || state === 'expected-fail';
}

/** The violation kinds that show in the cell, the worst first. */
export function kindsIn(cell: CellResult): readonly string[] {
  return [...new Set(cell.failures.map((failure) => failure.violation.kind))];
}

export function faultsOf(cell: CellResult): string {
  return cell.faults.length === 0 ? 'no fault' : cell.faults.join(' + ');
}
