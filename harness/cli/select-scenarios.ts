import * as fs from 'node:fs';
import * as path from 'node:path';
import { HarnessError } from '../contract/index.ts';
import { suggestion } from './nearest-name.ts';
import { isPluginPath } from './plugin-location.ts';
import { readScenarioFile } from './scenario-file.ts';
import {
  describesScenario,
  overrideBySets,
  scenarioFromFlags,
  type ScenarioFlags,
} from './scenario-flags.ts';
import { isJobFile } from './scenario-job.ts';
import type { ScenarioInput } from './scenario-schema.ts';
import { overrideField, type ReadScenarios, type ScenarioSource } from './scenario-source.ts';
import { builtInScenarios, profileNames, profiles } from './scenarios/catalogue.ts';

/**
 * Finds what a command line asks for: profiles, built-in scenarios and files by name, and one
 * scenario by flags. Without the latter, `--set` changes each that is named. Throws HarnessError
 * CONFIG_INVALID for a name that is none of these.
 */
export function selectScenarios(
  names: readonly string[],
  flags: ScenarioFlags,
  directory: string,
): ReadScenarios {
  const selected = names.map((name) => selectByName(name, directory));
  const problems = selected.flatMap((read) => read.problems);
  const named = [...new Set(selected.flatMap((read) => read.sources))];
  // With names, a workload alone makes no scenario: it takes the place of theirs.
  const { workload, ...others } = flags;
  const isOverride = names.length > 0 && !describesScenario(others);
  if (isOverride) {
    const changed = named.map((source) => overrideWorkload(source, workload, directory));
    return { sources: changed.map((source) => overrideBySets(source, flags.set ?? [])), problems };
  }
  const isAsked = describesScenario(flags) || flags.set !== undefined;
  const fromFlags = isAsked ? [scenarioFromFlags(flags, directory)] : [];
  return { sources: [...named, ...fromFlags], problems };
}

/** Paths on the command line start from where that was typed, and not from the scenario's file. */
function overrideWorkload(
  source: ScenarioSource,
  workload: string | undefined,
  directory: string,
): ScenarioSource {
  if (workload === undefined) return source;
  const isPath = isPluginPath(workload) || isJobFile(workload);
  const use =
    isPath && !workload.startsWith('file:') ? path.resolve(directory, workload) : workload;
  return overrideField(source, ['workload'], use, `--workload ${workload}`);
}

function selectByName(name: string, directory: string): ReadScenarios {
  if (isFileName(name)) return readScenarioFile(name, directory);
  const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  const inputs = profile ?? builtInScenarios().filter((scenario) => scenario.name === name);
  if (inputs.length > 0) return { sources: inputs.map(builtInSource), problems: [] };
  throw new HarnessError('CONFIG_INVALID', unknownNameMessage(name, directory));
}

function isFileName(name: string): boolean {
  return name.includes('/') || /\.(ya?ml|json)$/.test(name);
}

const builtInSources = new Map<ScenarioInput, ScenarioSource>();

/** One source per scenario, so that one which is asked for twice runs once. */
function builtInSource(input: ScenarioInput): ScenarioSource {
  let source = builtInSources.get(input);
  if (source === undefined) {
    const place = (): string => `built-in scenario ${input.name}`;
    source = { raw: input, directory: import.meta.dirname, place };
    builtInSources.set(input, source);
  }
  return source;
}

function unknownNameMessage(name: string, directory: string): string {
  const known = [...profileNames(), ...builtInScenarios().map((scenario) => scenario.name)];
  const isFile = fs.existsSync(path.resolve(directory, name));
  const hint = isFile ? `; write ./${name} for the file` : suggestion(name, known);
  return (
    `unknown scenario "${name}", expected a name that powercut list scenarios shows, ` +
    `or a file (./NAME.yaml)${hint}`
  );
}
