import { parse } from 'yaml';
import { HarnessError } from '../contract/index.ts';
import { suggestion } from './nearest-name.ts';
import { isJobFile, scenarioJob } from './scenario-job.ts';
import { overrideField, type ScenarioPath, type ScenarioSource } from './scenario-source.ts';

/** A scenario given on the command line. Its flags stand in for the lines of a file. */
export interface ScenarioFlags {
  readonly engine?: string | undefined;
  readonly workload?: string | undefined;
  readonly fault?: readonly string[] | undefined;
  /** The n-th belongs to the n-th fault: `op=40`, `flush=3`, `area=journal`, `bytes=0,4096`, `ms=2`. */
  readonly at?: readonly string[] | undefined;
  /** The n-th belongs to the n-th fault: `main`, `data`, `both`. */
  readonly on?: readonly string[] | undefined;
  /** `engine.ringPages=64`: a part of the scenario, the field, and a YAML value. */
  readonly set?: readonly string[] | undefined;
}

/** Whether the flags make a scenario of their own; `--set` alone does not. */
export function describesScenario(flags: ScenarioFlags): boolean {
  return Object.entries(flags).some(([name, value]) => name !== 'set' && value !== undefined);
}

/** A named scenario with fields changed by `--set`. Its faults are its own: they cannot be reached. */
export function overrideBySets(source: ScenarioSource, sets: readonly string[]): ScenarioSource {
  return sets
    .map((text) => parseSet(text, 0))
    .reduce(
      (changed, { text, under, field, value }) =>
        overrideField(changed, [...under, ...field.split('.')], value, `--set ${text}`),
      source,
    );
}

/** Throws HarnessError CONFIG_INVALID where the flags do not make a scenario. */
export function scenarioFromFlags(flags: ScenarioFlags, directory: string): ScenarioSource {
  const faults = flags.fault ?? [];
  requireFlags(flags);
  const sets = (flags.set ?? []).map((text) => parseSet(text, faults.length));
  const raw = {
    name: ['flags', flags.engine, flags.workload, ...faults].map(asNamePart).join('-'),
    because: 'given on the command line',
    engine: { use: flags.engine, ...fieldsUnder(sets, ['engine', 'with']) },
    workload: workloadOf(flags.workload, sets, directory),
    faults: faults.map((use, index) => ({
      use,
      at: parseMoment(flags.at?.[index] ?? ''),
      ...(flags.on?.[index] === undefined ? {} : { device: flags.on[index] }),
      ...fieldsUnder(sets, ['faults', index, 'with']),
    })),
    ...fieldsUnder(sets, ['device']),
    ...fieldsUnder(sets, ['dataDevice']),
    ...fieldsUnder(sets, ['limits']),
    ...fieldsUnder(sets, ['explore']),
  };
  return { raw, directory, place: (path) => flagAt(path, flags, sets) };
}

/** A fio job file stands for the workload `fio` with that job; `--set` then names the job's options. */
function workloadOf(
  use: string | undefined,
  sets: readonly SetFlag[],
  directory: string,
): Record<string, unknown> {
  if (use === undefined || !isJobFile(use)) {
    return { use, ...fieldsUnder(sets, ['workload', 'with']) };
  }
  const options = sets
    .filter((set) => samePath(set.under, ['workload', 'with']))
    .map(({ field, value }) => `${field}=${String(value)}`);
  return { use: 'fio', with: scenarioJob(use, { directory, sets: options }) };
}

const plainParts = ['device', 'dataDevice', 'limits', 'explore'] as const;

interface SetFlag {
  readonly text: string;
  /** Of the part of the scenario that holds the field. */
  readonly under: ScenarioPath;
  readonly field: string;
  readonly value: unknown;
}

function requireFlags({ engine, workload, fault = [], at = [], on }: ScenarioFlags): void {
  if (engine === undefined || workload === undefined) {
    const missing = engine === undefined ? '--engine' : '--workload';
    throw invalid(
      `${missing} is missing, expected --engine and --workload together, ` +
        'as in --engine journal --workload bank',
    );
  }
  if (fault.length !== at.length) {
    throw invalid(
      `${fault.length} --fault and ${at.length} --at are given, expected one --at for each --fault, ` +
        'as in --fault bit-rot --at op=40',
    );
  }
  if (on === undefined || fault.length === on.length) return;
  throw invalid(
    `${fault.length} --fault and ${on.length} --on are given, expected none, or one --on for each ` +
      '--fault, as in --fault power-cut --at op=40 --on data',
  );
}

function parseSet(text: string, faultCount: number): SetFlag {
  const parts = /^([a-zA-Z]+)(\d*)\.([\w.]+)=(.*)$/s.exec(text);
  const [, part = '', number = '', field = '', value = ''] = parts ?? [];
  const under = parts === null ? undefined : partPath(part, number, faultCount);
  if (under !== undefined) return { text, under, field, value: parse(value) as unknown };
  const names = ['engine', 'workload', ...(faultCount > 0 ? ['fault'] : []), ...plainParts];
  throw invalid(
    `--set "${text}" is not understood, expected PART.FIELD=VALUE with one of the parts ` +
      `${names.join(', ')}${faultCount > 1 ? ' (fault2 for the second fault)' : ''}${suggestion(part, names)}`,
  );
}

function partPath(part: string, number: string, faultCount: number): ScenarioPath | undefined {
  if (part === 'fault') {
    const index = number === '' ? 0 : Number(number) - 1;
    return index >= 0 && index < faultCount ? ['faults', index, 'with'] : undefined;
  }
  if (number !== '') return undefined;
  if (part === 'engine' || part === 'workload') return [part, 'with'];
  return plainParts.some((plain) => plain === part) ? [part] : undefined;
}

/** `{ with: { ringPages: 64 } }` for the fields set under `['engine', 'with']`; empty for none. */
function fieldsUnder(sets: readonly SetFlag[], under: ScenarioPath): Record<string, unknown> {
  const matching = sets.filter((set) => samePath(set.under, under));
  if (matching.length === 0) return {};
  const fields: Record<string, unknown> = {};
  for (const { field, value } of matching) setNested(fields, field.split('.'), value);
  return { [String(under.at(-1))]: fields };
}

function setNested(
  target: Record<string, unknown>,
  steps: readonly string[],
  value: unknown,
): void {
  const [step = '', ...rest] = steps;
  if (rest.length === 0) {
    target[step] = value;
    return;
  }
  const inner = (target[step] ??= {}) as Record<string, unknown>;
  setNested(inner, rest, value);
}

/** `op=40` to `{ op: 40 }`. What makes no sense is left for the schema to complain of. */
function parseMoment(text: string): unknown {
  const [, unit = text, value = ''] = /^(\w+)=(.*)$/s.exec(text) ?? [];
  if (unit === 'bytes') return { bytes: value.split(',').map(Number) };
  return { [unit]: parse(value) as unknown };
}

function flagAt(path: ScenarioPath, flags: ScenarioFlags, sets: readonly SetFlag[]): string {
  const set = sets.find(({ under, field }) => {
    const whole = [...under, ...field.split('.')];
    return whole.every((step, index) => path[index] === step);
  });
  if (set !== undefined) return `--set ${set.text}`;
  const [part, index] = path;
  if (part === 'engine') return `--engine ${flags.engine ?? ''}`;
  if (part === 'workload') return `--workload ${flags.workload ?? ''}`;
  if (part === 'faults' && typeof index === 'number') {
    if (path[2] === 'at') return `--at ${flags.at?.[index] ?? ''}`;
    if (path[2] === 'device') return `--on ${flags.on?.[index] ?? ''}`;
    return `--fault ${flags.fault?.[index] ?? ''}`;
  }
  return 'command line';
}

function samePath(one: ScenarioPath, other: ScenarioPath): boolean {
  return one.length === other.length && one.every((step, index) => step === other[index]);
}

/** A plug-in given by path or package becomes a part of the name that is fit for a directory. */
function asNamePart(use: string | undefined): string {
  return (use ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '');
}

function invalid(message: string): HarnessError {
  return new HarnessError('CONFIG_INVALID', message);
}
