import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { HarnessError } from '../contract/index.ts';
import type { ComparableRun } from '../measure/statistics/compare-runs.ts';
import { comparableCells, runSummarySchema } from './compare-cells.ts';
import { comparableFioRuns, fioReportSchema } from './compare-fio-report.ts';
import { comparableFioDocuments, fioDocumentSchema } from './compare-fio-json.ts';

/**
 * Reads one side of a comparison: a run directory, the answer of `powercut fio`, JSON of fio itself, or
 * a directory of such, each of which is then one repetition. `#NAME` behind it names one of the job
 * files that were run in turn. Throws CONFIG_INVALID where it is none of these.
 */
export function readComparableRun(place: string, directory: string): ComparableRun {
  const [file = '', variant] = place.split('#');
  const found = path.resolve(directory, file);
  const stat = fs.statSync(found, { throwIfNoEntry: false });
  if (stat === undefined) throw unreadable(place, 'there is no such file or directory');
  if (!stat.isDirectory()) return fromFile(place, found, variant);
  const summary = path.join(found, 'run.json');
  if (fs.existsSync(summary)) {
    return comparableCells(place, parsed(place, runSummarySchema, readJson(summary)));
  }
  const names = fs
    .readdirSync(found)
    .filter((name) => name.endsWith('.json'))
    .sort();
  if (names.length === 0) {
    throw unreadable(place, 'the directory has neither a run.json nor JSON files of fio');
  }
  const documents = names.map((name) =>
    parsed(`${place}/${name}`, fioDocumentSchema, readJson(path.join(found, name))),
  );
  return comparableFioDocuments(place, documents);
}

function fromFile(place: string, file: string, variant: string | undefined): ComparableRun {
  const json = readJson(file);
  const ours = z
    .union([fioReportSchema, z.object({ powercut: fioReportSchema })])
    .safeParse(json).data;
  if (ours !== undefined) {
    const report = 'powercut' in ours ? ours.powercut : ours;
    return comparableFioRuns(place, report, { session: fs.realpathSync(file), variant });
  }
  const summary = runSummarySchema.safeParse(json).data;
  if (summary !== undefined) return comparableCells(place, summary);
  return comparableFioDocuments(place, [parsed(place, fioDocumentSchema, json)]);
}

/** fio may print warnings in front of its JSON. */
function readJson(file: string): unknown {
  const text = fs.readFileSync(file, 'utf8');
  try {
    return JSON.parse(text.slice(Math.max(0, text.indexOf('{'))));
  } catch (error) {
    throw unreadable(file, `it is no JSON: ${error instanceof Error ? error.message : ''}`);
  }
}

function parsed<Value>(place: string, schema: z.ZodType<Value>, json: unknown): Value {
  const answer = schema.safeParse(json);
  if (answer.success) return answer.data;
  const [issue] = answer.error.issues;
  throw unreadable(place, `at ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}

function unreadable(place: string, why: string): HarnessError {
  return new HarnessError(
    'CONFIG_INVALID',
    `${place} cannot be compared, ${why}; expected a run directory, JSON of powercut fio, or JSON of fio`,
  );
}
