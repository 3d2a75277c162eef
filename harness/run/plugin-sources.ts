/**
 * The plug-ins of a scenario by module URL, so that worker threads, and a later `verify` or `replay`,
 * load exactly what the run loaded. Names are resolved to URLs by the registry of the command line,
 * the only place that knows plug-ins by name.
 */
import {
  HarnessError,
  type EngineAdapter,
  type FaultModule,
  type Scenario,
  type ScenarioFault,
  type Verifier,
  type Workload,
} from '../contract/index.ts';

export interface PluginSources {
  readonly engine: string;
  readonly workload: string;
  /** In the order of `scenario.faults`. */
  readonly faults: readonly string[];
  /** In the order of `scenario.verifiers`. */
  readonly verifiers: readonly string[];
}

/** A scenario with its plug-ins loaded and their options complete. */
export interface ReadyScenario {
  readonly scenario: Scenario;
  readonly sources: PluginSources;
  readonly engine: EngineAdapter;
  readonly engineConfig: unknown;
  readonly workload: Workload;
  readonly workloadOptions: unknown;
  readonly faults: readonly ReadyFault[];
  readonly verifiers: readonly Verifier[];
}

export interface ReadyFault {
  readonly module: FaultModule;
  readonly options: unknown;
  readonly spec: ScenarioFault;
}

export async function loadSources(
  scenario: Scenario,
  sources: PluginSources,
): Promise<ReadyScenario> {
  const engine = await loadDefault<EngineAdapter>(sources.engine);
  const workload = await loadDefault<Workload>(sources.workload);
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
  };
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
