/**
 * Goal: the harness convicts every planted bug, and the copy without a bug passes the same scenarios
 * (REQUIREMENTS D1). Method: each mutant is a source patch applied to a copy of the engine. M14 and
 * M16 give journal space up too early (A2, B4); M01 to M03 acknowledge too early (A1, C10).
 * @req D1 @req A1 @req A2 @req B4 @req C10
 */
import { expect, test } from 'vitest';
import { builtInUrl } from '../cli/registry.ts';
import { loadSources, type ReadyScenario } from '../run/plugin-sources.ts';
import { hunt } from './hunt-mutant.ts';
import { journalSources } from './journal-scenarios.ts';
import { mutants, statesMax, type Mutant } from './mutants/catalogue.ts';
import { plantMutant } from './plant-mutant.ts';

async function ready({ scenario }: Mutant, patch: string | undefined): Promise<ReadyScenario> {
  const { adapterUrl } = plantMutant('engines/journal', 'index.ts', patch);
  const urlOf = (kind: 'engine' | 'workload' | 'fault', name: string): string =>
    builtInUrl(kind, name)!.href;
  return loadSources(scenario, journalSources(scenario, urlOf, adapterUrl));
}

test.each(mutants)('$patch is convicted: $bug', async (mutant) => {
  const { states, violations, faultsFired } = await hunt(await ready(mutant, mutant.patch));
  expect(violations.length, `no conviction in ${states} states`).toBeGreaterThan(0);
  expect(states).toBeLessThanOrEqual(statesMax);
  expect(mutant.kinds).toContain(violations[0]!.kind);
  if (mutant.scenario.faults.length > 0) expect(faultsFired).toBeGreaterThan(0);
  console.log(`${mutant.patch}: ${violations[0]!.kind} after ${states} states`);
});

test.each(mutants)('the engine without $patch passes the same scenario', async (mutant) => {
  const explore = { rounds: 1, states: 1000, nestedStates: 200 };
  const control = { ...mutant, scenario: { ...mutant.scenario, explore } };
  const found = await hunt(await ready(control, undefined));
  expect(found).toMatchObject({ violations: [], gaps: [] });
  expect(found.states).toBeGreaterThan(400);
  expect(found.changesAcknowledged).toBeGreaterThan(10);
});
