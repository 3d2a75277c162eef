import type { CellResult, Scenario } from '../../contract/index.ts';
import { kernelTwinGap } from '../../rigs/fuse.ts';
import { createExplorePool } from '../explore-pool.ts';
import { isFileScenario, loadAnySources, type ReadyFileScenario } from '../plugin-sources.ts';
import type { RunDirectory } from '../run-directory.ts';
import { runScenario } from '../run-scenario.ts';

const root = new URL('../../../', import.meta.url);

export interface FileScenarioChanges {
  readonly seed?: number;
  readonly engine?: string;
  /** Options of the engine. */
  readonly with?: Readonly<Record<string, unknown>>;
  readonly workload?: string;
  readonly workloadWith?: Readonly<Record<string, unknown>>;
  readonly faults?: Scenario['faults'];
  readonly ops?: number;
  readonly states?: number;
  readonly nestedStates?: number;
  readonly expect?: Scenario['expect'];
}

export function fileScenario(changes: FileScenarioChanges = {}): Scenario {
  return {
    name: 'files',
    because: 'the tests need one',
    seed: changes.seed ?? 1,
    rig: 'fuse',
    engine: { use: changes.engine ?? 'ext4', with: changes.with ?? {} },
    workload: { use: changes.workload ?? 'file-mix', with: changes.workloadWith ?? {} },
    faults: changes.faults ?? [],
    verifiers: [],
    device: {
      logicalBlockBytes: 4096,
      capacityBlocks: 16_384,
      atomicWriteBlocks: 1,
      writeCache: 'volatile',
      supportsFua: false,
    },
    limits: { ops: changes.ops ?? 40, queueDepth: 1, durationMs: 100_000 },
    explore: { rounds: 1, states: changes.states ?? 60, nestedStates: changes.nestedStates ?? 0 },
    expect: changes.expect ?? { verdict: 'pass' },
  };
}

export async function readyFileScenario(
  changes: FileScenarioChanges = {},
): Promise<ReadyFileScenario> {
  const scenario = fileScenario(changes);
  const ready = await loadAnySources(scenario, {
    engine: new URL(`engines/${scenario.engine.use}/index.ts`, root).href,
    workload: new URL(`workloads/${scenario.workload.use}/index.ts`, root).href,
    faults: scenario.faults.map(({ use }) => new URL(`faults/drive/${use}/index.ts`, root).href),
    verifiers: [],
  });
  if (isFileScenario(ready)) return ready;
  throw new TypeError(`${ready.engine.name} is no file system`);
}

/** Runs it as `powercut run` does, on as many threads as there are cores. */
export async function runFileScenario(
  changes: FileScenarioChanges,
  directory?: RunDirectory,
): Promise<CellResult> {
  const ready = await readyFileScenario(changes);
  await using pool = createExplorePool(1);
  return await runScenario(ready, {
    id: ready.scenario.name,
    pool,
    ...(directory !== undefined && { directory }),
    signal: new AbortController().signal,
    emit: () => undefined,
    now: () => performance.now(),
  });
}

/** Whether this machine can serve a twin to its kernel. */
export const canServeTwins = kernelTwinGap() === undefined;
