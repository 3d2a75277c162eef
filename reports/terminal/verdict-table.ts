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
  readonly values: readonly string[];
}

const gap = '  ';
/** Below this a truncated name no longer says which one it is. */
const textWidthMin = 9;

/** One line per cell, never wider than `columns`. */
export function renderVerdictTable(summary: RunSummary, columns: number, painter: Painter): string {
  const { cells } = summary;
  const missing = missingCells(summary);
  const { kept, dropped } = dropColumns(describeColumns(cells, missing), columns);
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
    align: Column['align'] = 'left',
  ): Column => ({
    title,
    align,
    values: [
      ...cells.map((cell) => cleanText(valueOf(cell))),
      ...missing.map((id) => cleanText(valueOfMissing(id))),
    ],
  });
  const blank = (): string => '';
  return [
    column(
      'scenario',
      (cell) => cell.scenario.name,
      (id) => id,
    ),
    column('engine', (cell) => cell.engine, blank),
    column('fault', faultsOf, blank),
    column('workload', (cell) => cell.workload, blank),
    column('rig', (cell) => cell.scenario.rig, blank),
    column('verdict', verdictWords, () => '? no result'),
    column('acked', (cell) => formatCount(cell.counts.opsAcknowledged), blank, 'right'),
    column('states', (cell) => formatCount(cell.counts.statesJudged), blank, 'right'),
    column('broken', (cell) => formatCount(cell.counts.violations), blank, 'right'),
  ];
}

function titleOf(column: Column): string {
  return column.title;
}

/** What the name of the scenario stands for, so that a narrow table can do without; first to go. */
const droppable = ['rig', 'workload', 'engine', 'fault'] as const;

/**
 * Drops columns until the table fits: first those of one value, which is said above the table, then
 * any of the droppable ones. The other reports have them all.
 */
function dropColumns(
  all: readonly Column[],
  columns: number,
): { readonly kept: readonly Column[]; readonly dropped: readonly string[] } {
  const dropped: string[] = [];
  let kept = all;
  const drop = (title: string, isToGo: (values: ReadonlySet<string>) => boolean): void => {
    const candidate = kept.find((column) => column.title === title);
    if (candidate === undefined || totalWidth(kept.map(naturalWidth)) <= columns) return;
    const values = new Set(candidate.values.filter((value) => value !== ''));
    if (!isToGo(values)) return;
    kept = kept.filter((column) => column !== candidate);
    if (values.size <= 1) dropped.push(`${title}: ${[...values][0] ?? 'none'}`);
  };
  for (const title of droppable) drop(title, (values) => values.size <= 1);
  for (const title of droppable) drop(title, () => true);
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
