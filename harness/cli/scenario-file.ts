import * as fs from 'node:fs';
import * as path from 'node:path';
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  stringify,
  type Document,
  type Node,
} from 'yaml';
import { HarnessError, type Scenario } from '../contract/index.ts';
import { suggestion } from './nearest-name.ts';
import { toScenarioInput } from './scenario-schema.ts';
import type { ReadScenarios, ScenarioPath, ScenarioSource } from './scenario-source.ts';

/**
 * Reads a scenario file: YAML (of which JSON is a part) that holds one scenario, or a list of them
 * under `scenarios:`. Problems of syntax come back as data, so that all files are read before
 * anything is reported. Throws HarnessError CONFIG_INVALID where the file cannot be read at all.
 */
export function readScenarioFile(file: string, directory: string): ReadScenarios {
  return parseScenarios(readText(path.resolve(directory, file), file), file, directory);
}

/** The same from text; `file` stands in front of each problem as the user wrote it. */
export function parseScenarios(text: string, file: string, directory: string): ReadScenarios {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const placeOf = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ pos, message }) => `${placeOf(pos[0])}: ${message}`);
    return { sources: [], problems };
  }
  return splitScenarios({
    document,
    placeOf,
    directory: path.dirname(path.resolve(directory, file)),
  });
}

/** A scenario as a file that `powercut run FILE` takes. */
export function formatScenario(scenario: Scenario): string {
  return stringify(toScenarioInput(scenario));
}

interface ScenarioText {
  readonly document: Document;
  readonly directory: string;
  placeOf(offset: number): string;
}

function splitScenarios(text: ScenarioText): ReadScenarios {
  const { document } = text;
  const raw: unknown = document.toJS();
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    const problem = 'not a scenario, expected fields such as name and engine, or a scenarios list';
    return { sources: [], problems: [`${text.placeOf(0)}: ${problem}`] };
  }
  if (!('scenarios' in raw)) return { sources: [sourceAt(text, [], raw)], problems: [] };
  const { scenarios } = raw;
  if (!Array.isArray(scenarios) || scenarios.length === 0) {
    const place = placeIn(text, ['scenarios'], 'field');
    return {
      sources: [],
      problems: [`${place}: scenarios is empty, expected a list of scenarios`],
    };
  }
  const items: readonly unknown[] = scenarios;
  return {
    sources: items.map((item, index) => sourceAt(text, ['scenarios', index], item)),
    problems: Object.keys(raw)
      .filter((field) => field !== 'scenarios')
      .map((field) => strayFieldProblem(text, field)),
  };
}

function strayFieldProblem(text: ScenarioText, field: string): string {
  const place = placeIn(text, [field], 'field');
  return `${place}: unknown field "${field}", expected scenarios alone${suggestion(field, ['scenarios'])}`;
}

function sourceAt(text: ScenarioText, prefix: ScenarioPath, raw: unknown): ScenarioSource {
  return {
    raw,
    directory: text.directory,
    place: (wanted, part) => placeIn(text, [...prefix, ...wanted], part),
  };
}

function placeIn(text: ScenarioText, wanted: ScenarioPath, part: 'field' | 'value'): string {
  let offset = 0;
  let node: unknown = text.document.contents;
  for (const [index, step] of wanted.entries()) {
    if (isAlias(node)) node = node.resolve(text.document);
    const found = childOf(node, step);
    if (found === undefined) return text.placeOf(offset);
    const isLast = index === wanted.length - 1;
    offset =
      startOf(isLast && part === 'field' ? found.key : found.value) ?? startOf(found.key) ?? offset;
    node = found.value;
  }
  return text.placeOf(wanted.length === 0 ? (startOf(node) ?? 0) : offset);
}

function childOf(
  node: unknown,
  step: string | number,
): { key: unknown; value: unknown } | undefined {
  if (isSeq(node) && typeof step === 'number' && step < node.items.length) {
    return { key: node.items[step], value: node.items[step] };
  }
  if (!isMap(node)) return undefined;
  return node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? (node as Node).range?.[0] : undefined;
}

function readText(location: string, file: string): string {
  try {
    return fs.readFileSync(location, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new HarnessError(
      'CONFIG_INVALID',
      `scenario file ${file} cannot be read (${code ?? 'unknown error'}), expected a YAML or JSON file`,
      { cause: error },
    );
  }
}
