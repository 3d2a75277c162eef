// Goal: a machine that is killed loses the volatile cache of its drive too, and what that may take is found. Method: what
// keeps its promises passes, and what does without flushes is convicted, though the process that was killed with the
// machine never noticed anything. Each test boots a guest.
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { CellResult, Scenario, ViolationKind } from '../../contract/index.ts';
import { plantMutant } from '../../conformance/plant-mutant.ts';
import { probeHost } from '../../device/host-probe.ts';
import { probeVm } from '../../rigs/vm/probe-vm.ts';
import { createExplorePool } from '../explore-pool.ts';
import { fileScenario, type FileScenarioChanges } from '../files/file-scenario.fixture.ts';
import { loadAnySources } from '../plugin-sources.ts';
import { runScenario } from '../run-scenario.ts';

const root = path.join(import.meta.dirname, '../../..');
const vm = probeVm(probeHost());

const losses: readonly ViolationKind[] = [
  ...(['lost', 'stale', 'zeroed', 'torn', 'exposed', 'corrupt', 'inconsistent'] as const),
  ...(['reordered', 'recovery-failed', 'resurrected', 'misdirected', 'invariant'] as const),
];
const convicted = { verdict: 'fail', kinds: losses, why: 'nothing is flushed' } as const;

describe.skipIf(!vm.available)('a machine that is killed (needs rig vm)', () => {
  test('leaves what ext4 had synced, in every state that its drive may be in', async () => {
    const result = await killFiles({});
    expect(verdictOf(result)).toMatch(/^pass/);
    expect(result.counts.statesJudged).toBeGreaterThan(50);
    expect(result.engineFacts).toMatchObject({ fileSystem: ['ext4'] });
  }, 900_000);

  test('takes what ext4 without barriers had acknowledged', async () => {
    const result = await killFiles({ with: { barrier: false }, expect: convicted });
    expect(result.expectationMet, verdictOf(result)).toBe(true);
  }, 900_000);

  test('leaves what the journal had acknowledged', async () => {
    const result = await killJournal(undefined);
    expect(verdictOf(result)).toMatch(/^pass/);
    expect(result.counts.statesJudged).toBeGreaterThan(100);
  }, 900_000);

  test('takes what a journal that does not flush had acknowledged', async () => {
    const result = await killJournal('M02-ack-without-flush');
    expect(verdictOf(result)).toMatch(/^fail: .*lost/);
  }, 900_000);
});

const kill = {
  rig: 'vm',
  faults: [{ use: 'vm-kill', at: { atOp: 30 }, times: 1, during: 'workload' }],
} as const;
const killUrl = urlOf('faults/machine/vm-kill/index.ts');

function killFiles(changes: FileScenarioChanges): Promise<CellResult> {
  const scenario = { ...fileScenario({ ops: 40, states: 80, ...changes }), ...kill };
  return run(
    { ...scenario, limits: { ...scenario.limits, durationMs: 880_000 } },
    urlOf('engines/ext4/index.ts'),
    urlOf('workloads/file-mix/index.ts'),
  );
}

const smallJournal = { ringPages: 64, segmentPages: 16, windowPages: 16, dataBlocks: 64 };

/** With the planted bug of that name; undefined plants none. */
function killJournal(mutant: string | undefined): Promise<CellResult> {
  const { adapterUrl } = plantMutant('engines/journal', 'index.ts', mutant, '-killed');
  const scenario: Scenario = {
    ...fileScenario({ ops: 60, states: 300 }),
    ...kill,
    name: 'journal',
    engine: {
      use: 'journal',
      // What takes its flushes away takes nothing from a journal that forces its writes.
      with: { ...smallJournal, durability: 'flush' },
    },
    workload: { use: 'random-write' },
    limits: { ops: 60, queueDepth: 4, durationMs: 880_000 },
    device: { ...fileScenario().device, capacityBlocks: 1024 },
  };
  return run(scenario, adapterUrl, urlOf('workloads/random-write/index.ts'));
}

async function run(scenario: Scenario, engine: string, workload: string): Promise<CellResult> {
  const sources = { engine, workload, faults: [killUrl], verifiers: [] };
  const ready = await loadAnySources(scenario, sources);
  await using pool = createExplorePool(1);
  return await runScenario(ready, {
    id: scenario.name,
    pool,
    signal: new AbortController().signal,
    emit: () => undefined,
    now: () => performance.now(),
  });
}

function urlOf(file: string): string {
  return pathToFileURL(path.join(root, file)).href;
}

function verdictOf({ verdict }: CellResult): string {
  return `${verdict.status}: ${verdict.reason}`;
}
