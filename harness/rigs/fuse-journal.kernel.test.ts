/** The journal engine under the kernel’s block layer, explored from what the kernel made of it. */
import { describe, expect, it } from 'vitest';
import type { Scenario } from '../contract/index.ts';
import { probeHost } from '../device/host-probe.ts';
import { RoundExplorer } from '../run/explore-round.ts';
import { isFileScenario, loadSources } from '../run/plugin-sources.ts';
import { recordOnKernel } from '../run/record-on-kernel.ts';
import { ResourceLedger } from '../run/resources.ts';
import { smallScenario } from '../run/scenario.fixture.ts';
import { kernelTwinGap } from './fuse.ts';

const canRun = kernelTwinGap() === undefined && (await probeHost().hasIoUring());

const scenario: Scenario = {
  ...smallScenario,
  name: 'journal-on-kernel',
  rig: 'fuse',
  engine: { use: 'journal', with: { ringPages: 64, dataBlocks: 64 } },
  workload: { use: 'fsync-heavy' },
  device: {
    logicalBlockBytes: 4096,
    capacityBlocks: 4096,
    atomicWriteBlocks: 1,
    writeCache: 'volatile',
    supportsFua: false,
  },
  limits: { ops: 60, queueDepth: 4, durationMs: 60_000 },
  explore: { rounds: 1, states: 400, nestedStates: 0 },
};

async function explored(faults: Scenario['faults']): Promise<Set<string>> {
  const href = (file: string): string => new URL(`../../${file}`, import.meta.url).href;
  const ready = await loadSources(
    { ...scenario, faults },
    {
      engine: href('engines/journal/index.ts'),
      workload: href('workloads/fsync-heavy/index.ts'),
      faults: faults.map(({ use }) => href(`faults/drive/${use}/index.ts`)),
      verifiers: [],
    },
  );
  if (isFileScenario(ready)) throw new Error('the journal is an engine of blocks');
  await using resources = ResourceLedger.open();
  const evidence = await recordOnKernel(ready, 0, resources, new AbortController().signal);
  expect(evidence.outcomes.acknowledged).toBe(scenario.limits.ops);
  expect(evidence.firings.length > 0).toBe(faults.length > 0);

  const explorer = new RoundExplorer(ready, evidence, { states: 400, nestedStates: 0 });
  expect(explorer.plan.states.length).toBeGreaterThan(100);
  const outcomes = new Set<string>();
  for (const index of explorer.plan.states.keys()) {
    outcomes.add((await explorer.judge(index)).outcome);
  }
  return outcomes;
}

describe.runIf(canRun)('a journal driven through the loop device', () => {
  it('keeps what it acknowledged in every crash state (@req K4)', async () => {
    expect(await explored([])).toEqual(new Set(['intact']));
  });

  it('loses acknowledged writes where the drive lies about flushes', async () => {
    const lie = {
      use: 'lying-flush',
      at: { atNs: 0 },
      times: 'forever',
      during: 'workload',
    } as const;
    expect(await explored([lie])).not.toEqual(new Set(['intact']));
  });
});
