import { parse } from 'yaml';
import { HarnessError, type EngineAdapter } from '../contract/index.ts';
import { probeHost } from '../device/host-probe.ts';
import type { EngineUnderTest } from '../fio/rounds/engine-under-test.ts';
import type { TestedEngine } from '../fio/rounds/run-report.ts';
import type { CommandContext } from './command-context.ts';
import { engineOnTarget } from './fio-engine-target.ts';
import { engineOnTwin } from './fio-engine-twin.ts';
import { loadPlugin } from './load-plugin.ts';
import { issuesOf, schemaProblems } from './schema-problems.ts';

/** The options of `powercut fio` that name the engine under its jobs. */
export interface FioEngineOptions {
  readonly engine?: string | undefined;
  readonly engineSet?: readonly string[] | undefined;
  readonly target?: string | undefined;
  readonly twinSize?: number | undefined;
}

/** An engine with its options read, not yet open on anything. */
export interface ConfiguredEngine {
  readonly adapter: EngineAdapter;
  readonly config: unknown;
}

export interface ChosenEngine {
  readonly engine: EngineUnderTest;
  readonly described: TestedEngine;
}

/**
 * The engine that the jobs run on; undefined where none was named. Nothing has been opened yet. Throws
 * CONFIG_INVALID and UNAVAILABLE.
 */
export async function chooseEngine(
  context: CommandContext,
  { engine: use, engineSet = [], target, twinSize }: FioEngineOptions,
): Promise<ChosenEngine | undefined> {
  if (use === undefined) {
    refuseStray({ engineSet, target, twinSize });
    return undefined;
  }
  if (target !== undefined && twinSize !== undefined) {
    throw invalid('--target and --twin-size are both given, expected one: the twin is no target');
  }
  const configured = await configuredEngine(context, use, engineSet);
  const engine =
    target === undefined
      ? engineOnTwin(configured, twinSize)
      : await engineOnTarget(context, configured, target);
  const { name, medium, isSimulated } = engine;
  return { engine, described: { name, medium, isSimulated, options: configured.config } };
}

function refuseStray(given: Omit<FioEngineOptions, 'engine'>): void {
  const flags = [
    ...(given.engineSet?.length === 0 ? [] : ['--engine-set']),
    ...(given.target === undefined ? [] : ['--target']),
    ...(given.twinSize === undefined ? [] : ['--twin-size']),
  ];
  if (flags.length === 0) return;
  throw invalid(`${flags.join(' and ')} without --engine, expected one such as --engine journal`);
}

async function configuredEngine(
  { environment }: CommandContext,
  use: string,
  sets: readonly string[],
): Promise<ConfiguredEngine> {
  const { plugin } = await loadPlugin('engine', use, environment.directory);
  if ('medium' in plugin) {
    throw invalid(
      `--engine ${use} is a file system: name a file on one in the job (filename=), ` +
        `or cut its power with powercut run --engine ${use} --workload ./job.fio --rig fuse`,
    );
  }
  const lacking = (['write', 'flush'] as const).filter((op) => !plugin.supports.ops.includes(op));
  if (lacking.length > 0) {
    throw invalid(`--engine ${use} offers no ${lacking.join(' and no ')}, which jobs are made of`);
  }
  const config = configOf(plugin, sets, environment.directory);
  const availability = await plugin.probe(probeHost());
  if (availability.available) return { adapter: plugin, config };
  throw new HarnessError('UNAVAILABLE', `${plugin.name}: ${availability.reason}`);
}

function configOf(adapter: EngineAdapter, sets: readonly string[], directory: string): unknown {
  const raw = Object.fromEntries(sets.map(parseSet));
  try {
    return adapter.options.parse(raw);
  } catch (error) {
    const issues = issuesOf(error);
    if (issues === undefined) throw error;
    const place = ([field]: readonly PropertyKey[]): string =>
      `--engine-set ${sets.find((text) => text.startsWith(`${String(field)}=`)) ?? '(none given)'}`;
    const source = { raw, directory, place };
    throw invalid(schemaProblems(issues, adapter.options, source, []).join('\n'));
  }
}

/** `ringPages=64`: a name, and a YAML value as in a scenario. */
function parseSet(text: string): readonly [string, unknown] {
  const [, name, value = ''] = /^(\w+)=(.*)$/s.exec(text) ?? [];
  if (name !== undefined) return [name, parse(value) as unknown];
  throw invalid(`--engine-set "${text}" is not understood, expected NAME=VALUE as in ringPages=64`);
}

function invalid(message: string): HarnessError {
  return new HarnessError('CONFIG_INVALID', message);
}
