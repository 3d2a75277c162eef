import {
  optionNames,
  optionOf,
  readers,
  type OptionName,
  type OptionValues,
} from './option-table.ts';
import { ignoredOptions, refusedOptions } from './other-options.ts';
import type { OptionLine } from './lines.ts';
import { ValueProblem, type Place, type ProblemList } from './problem.ts';
import type { Units } from './quantities.ts';
import { substitute, type MachineNumbers } from './substitute.ts';

/** The options of one section, read; globals and command line included. */
export interface SectionValues {
  readonly values: OptionValues;
  /** Where the section begins. */
  readonly place: Place;
  /** Options that were given and could not be read. */
  readonly unreadable: ReadonlySet<OptionName>;
  /** Where an option was given last. */
  placeOf(name: OptionName): Place | undefined;
}

export interface ReadingTools {
  readonly problems: ProblemList;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly machine: MachineNumbers;
  /** A known name that the mistyped one may mean. */
  nearestName(name: string, known: readonly string[]): string | undefined;
}

/** Options of which the one given last decides for both. */
const opposites: readonly (readonly [OptionName, OptionName])[] = [
  ['rwmixread', 'rwmixwrite'],
  ['direct', 'buffered'],
  ['bsrange', 'bssplit'],
];

/** Reads the lines in their order; a later line of the same option replaces an earlier one. */
export function readSectionValues(
  place: Place,
  lines: readonly OptionLine[],
  tools: ReadingTools,
): SectionValues {
  const values: Partial<Record<OptionName, unknown>> = {};
  const places = new Map<OptionName, Place>();
  const unreadable = new Set<OptionName>();
  // fio reads kb_base first, wherever in the section it stands.
  const units: { kbBase: 1000 | 1024 } = { kbBase: 1024 };
  const isBase = ({ name }: OptionLine): boolean => name === 'kb_base';
  const ordered = [...lines.filter(isBase), ...lines.filter((line) => !isBase(line))];
  for (const line of ordered) {
    const name = optionOf(line.name);
    if (name === undefined) {
      reportOther(line, tools);
      continue;
    }
    const value = readValue(name, line, units, tools);
    if (value === undefined) {
      unreadable.add(name);
      continue;
    }
    if (name === 'kb_base') units.kbBase = value as 1000 | 1024;
    for (const pair of opposites) {
      const [one, other] = pair;
      if (pair.includes(name)) Reflect.deleteProperty(values, name === one ? other : one);
    }
    values[name] = value;
    places.set(name, { file: line.file, line: line.line });
  }
  return {
    place,
    values: values as OptionValues,
    unreadable,
    placeOf: (name) => places.get(name),
  };
}

function readValue(
  name: OptionName,
  line: OptionLine,
  units: Units,
  { problems, environment, machine }: ReadingTools,
): unknown {
  const onUnset = (variable: string): void => {
    problems.warning(
      line,
      `the environment variable ${variable} is not set, so nothing stands in its place`,
      `set it: ${variable}=... before the command`,
      line.name,
    );
  };
  try {
    const value =
      line.value === undefined
        ? undefined
        : substitute(line.value, { environment, machine, onUnset });
    return readers[name](value, units);
  } catch (error) {
    if (!(error instanceof ValueProblem)) throw error;
    problems.error(line, error.message, error.fix, line.name);
    return undefined;
  }
}

function reportOther(line: OptionLine, tools: ReadingTools): void {
  const { problems } = tools;
  const { name } = line;
  if (Object.hasOwn(ignoredOptions, name)) {
    problems.warning(line, `has no effect here: ${ignoredOptions[name]!}`, 'it may stay', name);
    return;
  }
  if (Object.hasOwn(refusedOptions, name)) {
    const { why, instead } = refusedOptions[name]!;
    problems.error(line, `is not supported: ${why}`, instead, name);
    return;
  }
  const nearest = tools.nearestName(name, optionNames);
  const fix = nearest === undefined ? 'leave it out' : `did you mean "${nearest}"?`;
  problems.error(line, 'is no option that is known here', fix, name);
}
