import { suggestion } from './nearest-name.ts';
import type { ScenarioPath, ScenarioProblem, ScenarioSource } from './scenario-source.ts';

/** What zod (or any schema that throws `issues`) says of one wrong value. */
interface SchemaIssue {
  readonly path: ScenarioPath;
  readonly message: string;
  readonly code?: string;
  readonly keys?: readonly string[];
  readonly values?: readonly unknown[];
  readonly expected?: string;
  readonly origin?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly inclusive?: boolean;
  readonly errors?: readonly (readonly SchemaIssue[])[];
  readonly discriminator?: string;
}

/** The issues that an error carries, or undefined where it is not one of a schema. */
export function issuesOf(error: unknown): readonly SchemaIssue[] | undefined {
  if (typeof error !== 'object' || error === null || !('issues' in error)) return undefined;
  const { issues } = error;
  return Array.isArray(issues) ? (issues as readonly SchemaIssue[]) : undefined;
}

/**
 * Puts a schema's issues into the words of a user: place, what, the value found, what was expected,
 * and the nearest valid name. `prefix` leads from the scenario to the value that was parsed.
 */
export function schemaProblems(
  issues: readonly SchemaIssue[],
  schema: unknown,
  source: ScenarioSource,
  prefix: ScenarioPath,
): readonly ScenarioProblem[] {
  return issues.flatMap((issue) => {
    const path = [...prefix, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      const known = fieldNames(schema, issue.path);
      return (issue.keys ?? []).map((field) => unknownField(source, path, field, known));
    }
    return [`${source.place(path, 'value')}: ${wrongValue(issue, path, source.raw)}`];
  });
}

function unknownField(
  source: ScenarioSource,
  path: ScenarioPath,
  field: string,
  known: readonly string[],
): ScenarioProblem {
  const what = path.at(-1) === 'at' ? 'fault moment' : 'field';
  const within = path.length === 0 ? '' : ` in ${formatPath(path)}`;
  const expected = known.length === 0 ? 'no fields' : `one of ${known.join(', ')}`;
  const place = source.place([...path, field], 'field');
  return `${place}: unknown ${what} "${field}"${within}, expected ${expected}${suggestion(field, known)}`;
}

function wrongValue(issue: SchemaIssue, path: ScenarioPath, raw: unknown): string {
  const value = valueAt(raw, path);
  const name = path.length === 0 ? 'the scenario' : formatPath(path);
  const expected = expectationOf(issue);
  if (value === undefined) return `${name} is missing, ${expected}`;
  const hint = typeof value === 'string' ? suggestion(value, namesIn(issue)) : '';
  return `${name} is ${formatValue(value)}, ${expected}${hint}`;
}

/** Valid names that the issue itself lists, as an enumeration's does. */
function namesIn(issue: SchemaIssue): readonly string[] {
  return (issue.values ?? []).filter((value) => typeof value === 'string');
}

const typeWords: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'fields',
  string: 'text',
};

function expectationOf(issue: SchemaIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${typeWords[issue.expected ?? ''] ?? issue.expected ?? 'another type'}`;
    case 'invalid_value':
      return `expected ${alternatives((issue.values ?? []).map(String))}`;
    case 'too_small':
      return `expected ${bound(issue, issue.minimum, 'at least', 'more than')}`;
    case 'too_big':
      return `expected ${bound(issue, issue.maximum, 'at most', 'less than')}`;
    case 'invalid_union':
      return issue.discriminator === undefined
        ? lowerFirst(issue.message)
        : 'expected pass, or verdict: fail with kinds and why';
    case undefined:
    default:
      return lowerFirst(issue.message);
  }
}

function bound(
  issue: SchemaIssue,
  limit: number | undefined,
  including: string,
  excluding: string,
): string {
  const relation = issue.inclusive === false ? excluding : including;
  const unit = { string: ' characters', array: ' items' }[issue.origin ?? ''] ?? '';
  return `${relation} ${limit ?? 'the limit'}${unit}`;
}

function alternatives(names: readonly string[]): string {
  if (names.length < 2) return names.join('');
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** `faults[0].at.op`, as a person would write it. */
function formatPath(path: ScenarioPath): string {
  return path
    .map((step, index) =>
      typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`,
    )
    .join('');
}

function formatValue(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) return String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function valueAt(raw: unknown, path: ScenarioPath): unknown {
  let value = raw;
  for (const step of path) {
    if (typeof value !== 'object' || value === null)
      return isWholeRef(value, step) ? value : undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[step];
  }
  return value;
}

/** A plug-in written as its name alone is also its own `use`. */
function isWholeRef(value: unknown, step: string | number): boolean {
  return typeof value === 'string' && step === 'use';
}

/**
 * The field names a zod schema takes at a path, by its public definition tree; empty where it is not
 * zod's or takes anything.
 */
export function fieldNames(schema: unknown, path: ScenarioPath): readonly string[] {
  const definition = definitionOf(schema);
  if (definition === undefined) return [];
  for (const inner of ['innerType', 'out', 'in']) {
    const names = inner in definition ? fieldNames(definition[inner], path) : [];
    if (names.length > 0) return names;
  }
  if (Array.isArray(definition['options'])) {
    const options: readonly unknown[] = definition['options'];
    return [...new Set(options.flatMap((option) => fieldNames(option, path)))];
  }
  const [step, ...rest] = path;
  if ('element' in definition && step !== undefined) return fieldNames(definition['element'], rest);
  const { shape } = definition as { readonly shape?: Readonly<Record<string, unknown>> };
  if (shape === undefined) return [];
  return step === undefined ? Object.keys(shape) : fieldNames(shape[step], rest);
}

function definitionOf(schema: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof schema !== 'object' || schema === null || !('def' in schema)) return undefined;
  return typeof schema.def === 'object' && schema.def !== null
    ? (schema.def as Readonly<Record<string, unknown>>)
    : undefined;
}
