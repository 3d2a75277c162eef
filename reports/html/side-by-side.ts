import { faultsOf, type CellResult } from '../../harness/contract/index.ts';

/** A cell among others that were asked the same, named by what is its own. */
export interface SetUp {
  readonly title: string;
  readonly cell: CellResult;
}

/** Cells of which the scenarios differ in nothing but how the engine is set up. */
export interface Comparison {
  readonly title: string;
  /** The options that differ; `engine` where the engines themselves do. */
  readonly differsIn: readonly string[];
  readonly setUps: readonly SetUp[];
}

/**
 * Finds what may be held side by side: the same workload, faults, devices, seed and number of crash
 * states. Anything else that differed could explain a difference in the figures.
 */
export function comparisonsOf(cells: readonly CellResult[]): readonly Comparison[] {
  return groupByQuestion(cells)
    .map(compare)
    .filter(({ setUps }) => areDistinct(setUps));
}

function groupByQuestion(cells: readonly CellResult[]): readonly (readonly CellResult[])[] {
  const groups = new Map<string, CellResult[]>();
  for (const cell of cells) {
    const question = questionOf(cell);
    const group = groups.get(question) ?? [];
    group.push(cell);
    groups.set(question, group);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}

/** All that was asked of the engine, whichever it is and whatever was expected of it. */
function questionOf({ scenario }: CellResult): string {
  const ownFields = { name: '', because: '', engine: '', expect: '' };
  return JSON.stringify({ ...scenario, ...ownFields });
}

function compare(cells: readonly CellResult[]): Comparison {
  const first = cells[0]!;
  const differsIn = optionsThatDiffer(cells);
  return {
    title: `${first.workload}, ${faultsOf(first)}`,
    differsIn,
    setUps: cells.map((cell) => ({ title: titleOf(cell, differsIn), cell })),
  };
}

function areDistinct(setUps: readonly SetUp[]): boolean {
  return new Set(setUps.map(({ title }) => title)).size > 1;
}

function optionsThatDiffer(cells: readonly CellResult[]): readonly string[] {
  const names = [...new Set(['engine', ...cells.flatMap((cell) => Object.keys(optionsOf(cell)))])];
  return names.filter((name) => new Set(cells.map((cell) => optionIn(cell, name))).size > 1);
}

/** `ordered`, or with the names where several options differ: `mode ordered, strict true`. */
function titleOf(cell: CellResult, differsIn: readonly string[]): string {
  const [only] = differsIn;
  if (differsIn.length === 1) return optionIn(cell, only!);
  return differsIn
    .map((name) => (name === 'engine' ? cell.engine : `${name} ${optionIn(cell, name)}`))
    .join(', ');
}

function optionsOf({ scenario }: CellResult): Readonly<Record<string, unknown>> {
  const given = scenario.engine.with;
  return typeof given === 'object' && given !== null ? { ...given } : {};
}

/** What was left out is what the engine says it has, if it says. */
function optionIn(cell: CellResult, name: string): string {
  if (name === 'engine') return cell.engine;
  const given = optionsOf(cell)[name] ?? cell.engineFacts?.[name]?.join(', ');
  if (given === undefined) return 'by default';
  return typeof given === 'string' ? given : JSON.stringify(given);
}
