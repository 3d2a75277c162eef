/**
 * The plug-ins of a scenario by module URL, so that worker threads, and a later `verify` or `replay`,
 * load exactly what the run loaded. Names are resolved to URLs by the registry of the command line,
 * the only place that knows plug-ins by name.
 */
import {
  HarnessError,
  type EngineAdapter,
  type FaultModule,
  type FileSystemAdapter,
  type FileWorkload,
  type Scenario,
  type ScenarioFault,
  type Verifier,
  type Workload,
} from '../contract/index.ts';
import { blocksAsFiles } from './files/blocks-as-files.ts';

export interface PluginSources {
  readonly engine: string;
  readonly workload: string;
  /** In the order of `scenario.faults`. */
  readonly faults: readonly string[];
  /** In the order of `scenario.verifiers`. */
  readonly verifiers: readonly string[];
}

/** A scenario with its plug-ins loaded and their options complete. */
export interface ReadyScenario extends ReadyParts {
  readonly engine: EngineAdapter;
  readonly workload: Workload;
}

/** The same for an engine that is a file system of the kernel. */
export interface ReadyFileScenario extends ReadyParts {
  readonly engine: FileSystemAdapter;
  readonly workload: FileWorkload;
}

export type AnyReadyScenario = ReadyScenario | ReadyFileScenario;

interface ReadyParts {
  readonly scenario: Scenario;
  readonly sources: PluginSources;
  readonly engineConfig: unknown;
  readonly workloadOptions: unknown;
  readonly faults: readonly ReadyFault[];
  readonly verifiers: readonly Verifier[];
}

/** Scenarios are checked when they are loaded: an engine of files has a workload of files. */
export function isFileScenario(ready: AnyReadyScenario): ready is ReadyFileScenario {
  return 'medium' in ready.engine;
}

export interface ReadyFault {
  readonly module: FaultModule;
  readonly options: unknown;
  readonly spec: ScenarioFault;
}

/** On a file system, a workload of blocks writes a file (blocks-as-files.ts). */
export function fittedWorkload(
  engine: AnyReadyScenario['engine'],
  workload: AnyReadyScenario['workload'],
): AnyReadyScenario['workload'] {
  return 'medium' in engine && !('medium' in workload) ? blocksAsFiles(workload) : workload;
}

/** For a scenario that is known to be of an engine of blocks. */
export async function loadSources(
  scenario: Scenario,
  sources: PluginSources,
): Promise<ReadyScenario> {
  const ready = await loadAnySources(scenario, sources);
  if (!isFileScenario(ready)) return ready;
  throw new HarnessError(
    'PLUGIN_INVALID',
    `engine ${ready.engine.name} is a file system, expected an engine of blocks`,
  );
}

export async function loadAnySources(
  scenario: Scenario,
  sources: PluginSources,
): Promise<AnyReadyScenario> {
  const engine = await loadDefault<AnyReadyScenario['engine']>(sources.engine);
  const workload = fittedWorkload(
    engine,
    await loadDefault<AnyReadyScenario['workload']>(sources.workload),
  );
  const faults = await Promise.all(
    scenario.faults.map(async (spec, index) => {
      const module = await loadDefault<FaultModule>(sources.faults[index]!);
      return { module, options: module.options.parse(spec.with ?? {}), spec };
    }),
  );
  return {
    scenario,
    sources,
    engine,
    engineConfig: engine.options.parse(scenario.engine.with ?? {}),
    workload,
    workloadOptions: workload.options.parse(scenario.workload.with ?? {}),
    faults,
    verifiers: await Promise.all(sources.verifiers.map((url) => loadDefault<Verifier>(url))),
  } as AnyReadyScenario;
}

/** The registry has checked the plug-in when it resolved the name; here it is only loaded again. */
async function loadDefault<P>(url: string): Promise<P> {
  try {
    const module = (await import(url)) as { default: P };
    return module.default;
  } catch (error) {
    throw new HarnessError('PLUGIN_INVALID', `cannot load ${url} again: ${String(error)}`, {
      cause: error,
    });
  }
}
