import type { VNode } from 'preact';
import { stateOf, type CellResult, type CellState } from '../../harness/contract/index.ts';

interface Mark {
  readonly symbol: string;
  readonly word: string;
  readonly meaning: string;
}

/** Symbol and word always stand beside the colour. */
const marks: Readonly<Record<CellState, Mark>> = {
  pass: { symbol: '✓', word: 'pass', meaning: 'no crash state broke the promise' },
  fail: { symbol: '✗', word: 'fail', meaning: 'a crash state broke the promise' },
  'expected-fail': {
    symbol: '✗',
    word: 'fail (expected)',
    meaning: 'a known-bad set-up was convicted, as it should be',
  },
  'unexpected-pass': {
    symbol: '!',
    word: 'pass (not expected)',
    meaning: 'a failure was expected and did not show',
  },
  inconclusive: { symbol: '?', word: 'inconclusive', meaning: 'not enough was seen; never a pass' },
  error: { symbol: '!', word: 'error', meaning: 'the harness could not do its job' },
  skip: { symbol: '–', word: 'skip', meaning: 'it cannot run here' },
};

export function StateMark({ state }: { readonly state: CellState }): VNode {
  return (
    <span class={`state state-${state}`}>
      <span aria-hidden="true">{marks[state].symbol}</span> {marks[state].word}
    </span>
  );
}

/** Where the report speaks of the cell at length. */
export function anchorOf(cells: readonly CellResult[], cell: CellResult): string {
  return `cell-${cells.indexOf(cell)}`;
}

/** What the states mean that are in this report. */
export function Legend({ cells }: { readonly cells: readonly CellResult[] }): VNode {
  const present = new Set(cells.map(stateOf));
  const shown = (Object.keys(marks) as CellState[]).filter((state) => present.has(state));
  return (
    <p class="legend">
      {shown.map((state) => (
        <span key={state}>
          <StateMark state={state} /> {marks[state].meaning}
        </span>
      ))}
    </p>
  );
}
