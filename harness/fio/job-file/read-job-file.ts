import assert from 'node:assert/strict';
import { fioJobSchema, type FioJob } from '../job.ts';
import { checkJob, checkSection } from './check-job.ts';
import { checkRegions, checkRoom } from './check-regions.ts';
import type { IncludeReader, OptionLine, Section } from './lines.ts';
import { splitSections } from './lines.ts';
import type { OptionName } from './option-table.ts';
import { ProblemList, refuseErrors, type FioProblem } from './problem.ts';
import { resolveFiles, type TargetFacts } from './resolve-files.ts';
import {
  resolveContents,
  resolveDurability,
  resolveEngine,
  resolveExtent,
  resolveFileTreatment,
  resolvePace,
  resolveProcessors,
  resolveQueue,
  resolveReport,
  resolveSeed,
  resolveVerify,
} from './resolve-job.ts';
import { resolvePattern } from './resolve-pattern.ts';
import { readSectionValues, type SectionValues } from './section-values.ts';
import type { MachineNumbers } from './substitute.ts';

/** What a job file is read with; nothing is looked up behind the caller's back. */
export interface ReadingContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly machine: MachineNumbers;
  /** The text of an included file, by its name as it is written; undefined where it cannot be read. */
  readonly readInclude: IncludeReader;
  /** What is known of a file or device; undefined for what does not exist. */
  factsOf(path: string): TargetFacts | undefined;
  /** Bytes of a logical block of the target: what direct=1 must be aligned to. */
  readonly lbaBytes: number;
  /** Bytes by which files may grow in all; undefined: not checked. */
  readonly roomBytes?: number;
  /** Options of the command line, `rw=randread` or `--rw=randread`; they outrank every section's. */
  readonly overrides?: readonly string[];
  /** Whether jobs of several sections may write one region at the same time. */
  readonly mayShareRegions?: boolean;
  /** A known name that a mistyped one may mean; undefined where none is close. */
  nearestName(name: string, known: readonly string[]): string | undefined;
}

export interface JobFile {
  /** Every job and every clone of it, in fio's order; empty where there is any error. */
  readonly jobs: readonly FioJob[];
  /** All errors and warnings, in the order of the lines. */
  readonly problems: readonly FioProblem[];
}

/** Reads a job file. What is wrong with it is in `problems`, all of it, and never thrown. */
export function readJobFile(text: string, file: string, context: ReadingContext): JobFile {
  const problems = new ProblemList();
  const sections = splitSections(text, file, { problems, readInclude: context.readInclude });
  return readSections(sections, file, context, problems);
}

/** As `readJobFile`; throws HarnessError CONFIG_INVALID, with a line for each error. */
export function requireJobs(text: string, file: string, context: ReadingContext): JobFile {
  const read = readJobFile(text, file, context);
  refuseErrors(read.problems);
  return read;
}

export function readSections(
  sections: readonly Section[],
  file: string,
  context: ReadingContext,
  problems: ProblemList,
): JobFile {
  const withGlobals = applyGlobals(sections, overrideLines(context.overrides ?? []));
  if (withGlobals.length === 0) {
    problems.error(
      { file, line: 0 },
      'there is no job',
      'add a section for each job: [name], beside [global]',
    );
  }
  const jobs = resolveSections(withGlobals, context, problems);
  checkRegions(jobs, problems, context.mayShareRegions ?? false);
  checkRoom(jobs, problems, context);
  const all = [...problems.all].sort(byPlace);
  return { jobs: problems.hasErrors ? [] : jobs, problems: all };
}

function byPlace(one: FioProblem, other: FioProblem): number {
  return one.file === other.file ? one.line - other.line : one.file < other.file ? -1 : 1;
}

/** A `[global]` section counts for the jobs below it, and may come again. */
function applyGlobals(
  sections: readonly Section[],
  overrides: readonly OptionLine[],
): readonly Section[] {
  const globals: OptionLine[] = [];
  const jobs: Section[] = [];
  for (const section of sections) {
    if (section.name === 'global') globals.push(...section.options);
    else jobs.push({ ...section, options: [...globals, ...section.options, ...overrides] });
  }
  return jobs;
}

export const commandLineName = 'command line';

function overrideLines(overrides: readonly string[]): readonly OptionLine[] {
  return overrides.map((argument, index) => optionOfArgument(argument, index + 1));
}

/** `--rw=write`, `rw=write`, `--time_based`. */
export function optionOfArgument(argument: string, line: number): OptionLine {
  const bare = argument.replace(/^--/, '');
  const equals = bare.indexOf('=');
  const place = { file: commandLineName, line };
  return equals === -1
    ? { ...place, name: bare, value: undefined }
    : { ...place, name: bare.slice(0, equals), value: bare.slice(equals + 1) };
}

function resolveSections(
  sections: readonly Section[],
  context: ReadingContext,
  problems: ProblemList,
): readonly FioJob[] {
  const jobs: FioJob[] = [];
  let phase = 0;
  for (const section of sections) {
    const values = readSectionValues(section, section.options, { ...context, problems });
    if (values.values.stonewall === true && jobs.length > 0) phase++;
    const names = new Set(jobs.map(({ name }) => name));
    checkSection(values, names, problems);
    if (filesDependOn.some((name) => values.unreadable.has(name))) continue;
    const cloneCount = values.values.numjobs ?? 1;
    for (let clone = 0; clone < cloneCount; clone++) {
      const numbers = { clone, cloneCount, phase, threadNumber: jobs.length + 1 };
      const job = resolveClone(section, values, numbers, context, problems);
      if (job !== undefined) jobs.push(job);
      if (clone === 0 && job !== undefined) checkJob(job, values, context.lbaBytes, problems);
    }
  }
  return jobs;
}

/** Without these nothing can be said of a job's files, and what were said would mislead. */
const filesDependOn: readonly OptionName[] = [
  'filename',
  'size',
  'filesize',
  'offset',
  'offset_increment',
  'rw',
  'bs',
  'bsrange',
  'bssplit',
  'blockalign',
];

type CloneNumbers = Pick<FioJob, 'clone' | 'cloneCount' | 'phase' | 'threadNumber'>;

function resolveClone(
  section: Section,
  read: SectionValues,
  numbers: CloneNumbers,
  context: ReadingContext,
  problems: ProblemList,
): FioJob | undefined {
  const { values } = read;
  const name = values.name ?? section.name;
  const pattern = resolvePattern(values);
  const { clone } = numbers;
  const files = resolveFiles(read, pattern, { ...context, problems, jobName: name, clone });
  if (files === undefined) return undefined;
  const engine = resolveEngine(values);
  const parsed = fioJobSchema.safeParse({
    name,
    description: values.description ?? '',
    source: { file: section.file, line: section.line },
    ...numbers,
    waitsFor: values.wait_for ?? null,
    startDelayNs: values.startdelay ?? { min: 0, max: 0 },
    processors: resolveProcessors(values, numbers.threadNumber),
    pattern,
    seed: resolveSeed(values),
    extent: resolveExtent(values, files),
    files: resolveFileTreatment(values),
    engine,
    queue: resolveQueue(values, engine),
    durability: resolveDurability(values),
    pace: resolvePace(values),
    contents: resolveContents(values, pattern.access),
    verify: resolveVerify(values, pattern),
    report: resolveReport(values, name),
  } satisfies FioJob);
  if (parsed.success) return parsed.data;
  assert(
    problems.hasErrors,
    `a job without errors is refused by its schema: ${parsed.error.message}`,
  );
  return undefined;
}
