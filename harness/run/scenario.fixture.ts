import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { onTestFinished } from 'vitest';
import type { RunEvent, RunSummary, Scenario } from '../contract/index.ts';
import { loadSources, type PluginSources, type ReadyScenario } from './plugin-sources.ts';
import type { ConfiguredReporter } from './reporter-hub.ts';
import { runCells, type RunOptions } from './run-cells.ts';
import { RunDirectory } from './run-directory.ts';

const root = new URL('../../', import.meta.url);

/** A small scenario for the tests of the run: an engine from outside, a few writes, few crash states. */
export const smallScenario: Scenario = {
  name: 'small',
  because: 'the tests need one',
  seed: 1,
  rig: 'sim',
  engine: { use: 'in-place' },
  workload: { use: 'random-write' },
  faults: [],
  verifiers: [],
  device: {
    logicalBlockBytes: 4096,
    capacityBlocks: 17,
    atomicWriteBlocks: 1,
    writeCache: 'volatile',
    supportsFua: true,
  },
  limits: { ops: 24, queueDepth: 4, durationMs: 60_000 },
  explore: { rounds: 1, states: 120, nestedStates: 30 },
  expect: { verdict: 'pass' },
};

export interface ScenarioChanges extends Partial<Omit<Scenario, 'engine'>> {
  /** Options of the in-place engine (cli/test-plugins/in-place-engine.mjs). */
  readonly engine?: Record<string, unknown>;
}

export function readyScenario({
  engine,
  ...changes
}: ScenarioChanges = {}): Promise<ReadyScenario> {
  const scenario: Scenario = {
    ...smallScenario,
    ...changes,
    engine: { use: 'in-place', with: engine ?? {} },
  };
  return loadSources(scenario, sourcesOf(scenario));
}

function sourcesOf({ workload, faults }: Scenario): PluginSources {
  const href = (file: string): string => new URL(file, root).href;
  return {
    engine: href('harness/cli/test-plugins/in-place-engine.mjs'),
    workload: href(`workloads/${workload.use}/index.ts`),
    faults: faults.map(({ use }) =>
      href(`faults/${use === 'kill' ? 'process' : 'drive'}/${use}/index.ts`),
    ),
    verifiers: [],
  };
}

export interface TestRun {
  readonly summary: RunSummary;
  readonly directory: RunDirectory;
  readonly events: readonly RunEvent[];
}

/** Runs the scenarios in a directory that goes away with the test. */
export async function runInTest(
  cells: readonly ReadyScenario[],
  changes: Partial<RunOptions> = {},
): Promise<TestRun> {
  const directory = RunDirectory.create(path.join(temporaryDirectory(), 'run'));
  const events: RunEvent[] = [];
  const summary = await runCells({
    runId: 'test',
    command: 'powercut run test',
    toolVersion: '0',
    directory,
    cells,
    reporters: [recording(events)],
    terminal: { print: () => undefined, isTerminal: false, columns: 80 },
    jobs: 1,
    stopOnFailure: false,
    signal: new AbortController().signal,
    host: { kernel: 'test', node: 'test', cpuModel: 'test', cpuCount: 1, memoryBytes: 1 },
    devicePath: undefined,
    whyNot: async () => undefined,
    ...changes,
  });
  return { summary, directory, events };
}

export function temporaryDirectory(): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-test-'));
  onTestFinished(() => {
    fs.rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

/** A reporter that keeps what it is told. */
function recording(events: RunEvent[]): ConfiguredReporter {
  return reporterOf('recording', (event) => {
    events.push(event);
  });
}

export function reporterOf(
  name: string,
  onEvent: (event: RunEvent) => void,
  onEnd: (summary: RunSummary) => Promise<void> = async () => undefined,
): ConfiguredReporter {
  return {
    plugin: {
      kind: 'reporter',
      apiVersion: 1,
      name,
      summary: 'for a test',
      options: { parse: () => ({}) },
      create: () => ({ onEvent, onEnd }),
    },
    options: {},
  };
}
