import {
  faultsOf,
  kindsIn,
  missingCells,
  stateOf,
  type CellResult,
  type CellState,
  type RunSummary,
} from '../../harness/contract/index.ts';
import { stateFormats, type Painter } from './colour.ts';
import { cleanText, formatCount, truncate } from './text-layout.ts';

interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** Dropped, and named above the table, when all its values are alike and room is short. */
  readonly droppable: boolean;
  readonly values: readonly string[];
}

const gap = '  ';
/** Below this a truncated name no longer says which one it is. */
const textWidthMin = 9;

/** One line per cell, never wider than `columns`. */
export function renderVerdictTable(summary: RunSummary, columns: number, painter: Painter): string {
  const { cells } = summary;
  const missing = missingCells(summary);
  const { kept, dropped } = dropConstant(describeColumns(cells, missing), columns);
  const widths = fitWidths(kept, columns);
  const header = renderRow(kept.map(titleOf), kept, widths);
  const lines = [
    ...(dropped.length === 0 ? [] : [truncate(dropped.join(', '), columns)]),
    painter.paint('bold', header.trimEnd()),
    ...[...cells, ...missing].map((cell, row) => {
      const state = typeof cell === 'string' ? 'inconclusive' : stateOf(cell);
      return paintRow(kept, widths, row, (text) => painter.paint(stateFormats[state], text));
    }),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

const words: Readonly<Record<CellState, string>> = {
  pass: '✓ pass',
  fail: 'x fail',
  'expected-fail': 'x fail',
  'unexpected-pass': '! pass (a failure was expected)',
  inconclusive: '? inconclusive',
  error: '! error',
  skip: '- skip',
};

/** Symbol and word, with the expectation where there was one. */
export function verdictWords(cell: CellResult): string {
  const state = stateOf(cell);
  if (cell.expectation.verdict !== 'fail') return words[state];
  if (state === 'expected-fail') return `${words[state]} (expected: ${kindsShown(cell)})`;
  if (state === 'fail') return `${words[state]} (not as expected: ${kindsShown(cell)})`;
  return words[state];
}

function kindsShown(cell: CellResult): string {
  const seen = kindsIn(cell);
  if (seen.length > 0 || cell.expectation.verdict !== 'fail') return seen.join(', ');
  return cell.expectation.kinds.join(', ');
}

function describeColumns(
  cells: readonly CellResult[],
  missing: readonly string[],
): readonly Column[] {
  const column = (
    title: string,
    valueOf: (cell: CellResult) => string,
    valueOfMissing: (id: string) => string,
    options: { align?: Column['align']; droppable?: boolean } = {},
  ): Column => ({
    title,
    align: options.align ?? 'left',
    droppable: options.droppable ?? false,
    values: [
      ...cells.map((cell) => cleanText(valueOf(cell))),
      ...missing.map((id) => cleanText(valueOfMissing(id))),
    ],
  });
  const blank = (): string => '';
  return [
    column('engine', (cell) => cell.engine, blank, { droppable: true }),
    column('fault', faultsOf, (id) => id),
    column('workload', (cell) => cell.workload, blank, { droppable: true }),
    column('rig', (cell) => cell.scenario.rig, blank, { droppable: true }),
    column('verdict', verdictWords, () => '? no result'),
    column('acked', (cell) => formatCount(cell.counts.opsAcknowledged), blank, { align: 'right' }),
    column('states', (cell) => formatCount(cell.counts.statesJudged), blank, { align: 'right' }),
    column('broken', (cell) => formatCount(cell.counts.violations), blank, { align: 'right' }),
  ];
}

function titleOf(column: Column): string {
  return column.title;
}

/** Drops columns of one value, the least telling first, until the table fits. */
function dropConstant(
  all: readonly Column[],
  columns: number,
): { readonly kept: readonly Column[]; readonly dropped: readonly string[] } {
  const dropped: string[] = [];
  let kept = all;
  for (const title of ['rig', 'workload', 'engine']) {
    const candidate = kept.find((column) => column.title === title);
    if (totalWidth(kept.map(naturalWidth)) <= columns || candidate === undefined) break;
    const values = new Set(candidate.values.filter((value) => value !== ''));
    if (!candidate.droppable || values.size > 1) continue;
    kept = kept.filter((column) => column !== candidate);
    dropped.push(`${title}: ${[...values][0] ?? 'none'}`);
  }
  return { kept, dropped };
}

function naturalWidth(column: Column): number {
  return Math.max(column.title.length, ...column.values.map((value) => value.length));
}

function totalWidth(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + gap.length * (widths.length - 1);
}

/** Takes from the widest column of text until the table fits; figures are never cut. */
function fitWidths(kept: readonly Column[], columns: number): readonly number[] {
  const widths = kept.map(naturalWidth);
  while (totalWidth(widths) > columns) {
    const textWidths = widths.map((width, index) => (kept[index]!.align === 'left' ? width : 0));
    const widest = textWidths.indexOf(Math.max(...textWidths));
    if (textWidths[widest]! <= textWidthMin) break;
    widths[widest] = textWidths[widest]! - 1;
  }
  return widths;
}

function paintRow(
  kept: readonly Column[],
  widths: readonly number[],
  row: number,
  paintVerdict: (text: string) => string,
): string {
  const values = kept.map((column) => column.values[row] ?? '');
  const cells = padCells(values, kept, widths);
  const verdict = kept.findIndex((column) => column.title === 'verdict');
  return cells.map((cell, index) => (index === verdict ? paintVerdict(cell) : cell)).join(gap);
}

function renderRow(
  values: readonly string[],
  kept: readonly Column[],
  widths: readonly number[],
): string {
  return padCells(values, kept, widths).join(gap);
}

function padCells(
  values: readonly string[],
  kept: readonly Column[],
  widths: readonly number[],
): readonly string[] {
  return values.map((value, index) => {
    const width = widths[index]!;
    const cut = truncate(value, width);
    return kept[index]!.align === 'left' ? cut.padEnd(width) : cut.padStart(width);
  });
}
