import type { CellResult, EngineFact, FactsOfRounds } from '../../harness/contract/index.ts';
import { formatBytes, formatCount, formatDurationNs } from './number-format.ts';

/** How a number is written, by the unit that its name ends in. */
const formats: readonly (readonly [RegExp, (value: number) => string])[] = [
  [/Ns$/, formatDurationNs],
  [/Bytes$/, formatBytes],
];

/** What the engine said of itself, as a reader should see it: name and value. */
export function describeFacts(cell: CellResult): readonly (readonly [string, string])[] {
  return Object.entries(cell.engineFacts ?? {}).map(([name, values]) => [
    factTitle(name),
    describeFact(cell, name, values),
  ]);
}

/** `journalFuaMedianNs` to `journal FUA median`. */
export function factTitle(name: string): string {
  return name
    .replace(/(?:Ns|Bytes)$/, '')
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replace(/\bfua\b/, 'FUA');
}

/** What was measured on a simulated drive is its modelled time, and says so. */
function describeFact(
  { scenario }: CellResult,
  name: string,
  values: FactsOfRounds[string],
): string {
  const numbers = values.filter((value) => typeof value === 'number');
  const isModelled = scenario.rig === 'sim' && name.endsWith('Ns');
  const text =
    numbers.length === values.length && numbers.length > 1
      ? [Math.min(...numbers), Math.max(...numbers)]
          .map((value) => describeValue(name, value))
          .join(' to ')
      : values.map((value) => describeValue(name, value)).join(', ');
  return isModelled ? `${text}, modelled time` : text;
}

function describeValue(name: string, value: EngineFact): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value;
  const format = formats.find(([unit]) => unit.test(name))?.[1] ?? formatCount;
  return format(value);
}
