/**
 * Goal: no legal crash state of the correct engine is convicted (REQUIREMENTS D1, specificity).
 * Method: every workload on both LBA sizes and both durability paths, crashes during and after
 * recovery included; `npm run soak` is the long form.
 * @req D1 @req A1 @req A3 @req B1 @req B12 @req C6 @req C8
 */
import { expect, test } from 'vitest';
import { blockWorkloadNames } from '../cli/load-plugin.ts';
import { builtInUrl } from '../cli/registry.ts';
import type { Scenario } from '../contract/index.ts';
import { loadSources, type ReadyScenario } from '../run/plugin-sources.ts';
import { hunt } from './hunt-mutant.ts';
import { journalScenario, journalSources } from './journal-scenarios.ts';

function load(scenario: Scenario): Promise<ReadyScenario> {
  const urlOf = (kind: 'engine' | 'workload' | 'fault', name: string): string =>
    builtInUrl(kind, name)!.href;
  return loadSources(scenario, journalSources(scenario, urlOf));
}

const cases = (await blockWorkloadNames()).flatMap((workload) =>
  [512, 4096].flatMap((logicalBlockBytes) =>
    (['fua', 'flush'] as const).map((durability) => ({ workload, logicalBlockBytes, durability })),
  ),
);

test.each(cases)(
  '$workload on $logicalBlockBytes-byte LBAs, durable by $durability: nothing is convicted',
  async (options) => {
    const scenario = journalScenario({ ...options, name: 'control', seed: 7, states: 500 });
    const found = await hunt(await load(scenario));
    expect(found).toMatchObject({ violations: [], gaps: [] });
    expect(found.states).toBeGreaterThanOrEqual(400);
    expect(found.changesAcknowledged).toBeGreaterThan(100);
  },
);

test('a second cut right after a torn tail opens again: the watermark names no skipped LSN', async () => {
  // The bug of docs/track-record.md: only appended records keep the log's old end in the ring.
  const scenario = journalScenario({
    name: 'append-after-torn-tail',
    workload: 'append-log',
    seed: 1,
    states: 3000,
    nestedStates: 2400,
  });
  const { violations } = await hunt(await load(scenario));
  expect(violations).toEqual([]);
});
