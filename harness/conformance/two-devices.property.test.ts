/**
 * Goal: with journal and data on two drives, the harness convicts the journal that is given up before
 * the data device has flushed, and acquits what only looks like it (REQUIREMENTS A2, B4, D1). Method:
 * the drives are cut together, and one before the other, either first.
 * @req A2 @req B4 @req D1
 */
import { describe, expect, test } from 'vitest';
import { builtInUrl } from '../cli/registry.ts';
import type { FaultedDevice, FaultMoment, Scenario } from '../contract/index.ts';
import { loadSources, type ReadyScenario } from '../run/plugin-sources.ts';
import { hunt } from './hunt-mutant.ts';
import {
  journalScenario,
  journalSources,
  type JournalScenarioOptions,
} from './journal-scenarios.ts';
import { plantMutant } from './plant-mutant.ts';

/** Its acknowledgements are right, each by a flush or FUA of the journal device. */
const tailBeforeFlush = 'M16-tail-moves-before-data-flush';

interface TwoDevices extends Partial<JournalScenarioOptions> {
  readonly cut?: FaultedDevice | undefined;
  readonly at?: FaultMoment;
}

function twoDevices({ cut, at = { atOp: 100 }, ...options }: TwoDevices): Scenario {
  const fault = { use: 'power-cut', at, times: 1, during: 'workload' } as const;
  return journalScenario({
    name: 'two-devices',
    workload: 'wrap-around',
    seed: 1,
    ops: 200,
    dataWriteCache: 'volatile',
    faults: cut === undefined ? [] : [{ ...fault, device: cut }],
    ...options,
  });
}

function load(scenario: Scenario, patch?: string): Promise<ReadyScenario> {
  const urlOf = (kind: 'engine' | 'workload' | 'fault', name: string): string =>
    builtInUrl(kind, name)!.href;
  const planted =
    patch === undefined
      ? undefined
      : plantMutant('engines/journal', 'index.ts', patch, '-two-devices');
  return loadSources(scenario, journalSources(scenario, urlOf, planted?.adapterUrl));
}

const cuts: readonly { readonly cut: FaultedDevice | undefined }[] = [
  { cut: undefined },
  { cut: 'both' },
  { cut: 'main' },
  { cut: 'data' },
];

describe.each(cuts)('power cut on: $cut', ({ cut }) => {
  test('a journal that is given up before the data device has flushed is convicted', async () => {
    const scenario = twoDevices({ cut, states: 20_000 });
    const { violations, faultsFired } = await hunt(await load(scenario, tailBeforeFlush));
    expect(violations[0]?.kind).toMatch(/^(lost|stale)$/);
    expect(faultsFired).toBeGreaterThanOrEqual(cut === undefined ? 0 : 1);
  });

  test('the engine itself passes, crashes during recovery included', async () => {
    const scenario = twoDevices({ cut, states: 1000, nestedStates: 300 });
    const found = await hunt(await load(scenario));
    expect(found).toMatchObject({ violations: [], gaps: [] });
    expect(found.states).toBeGreaterThan(800);
    expect(found.changesAcknowledged).toBeGreaterThan(50);
  });

  test('the engine passes where the cut comes in the middle of its first destage', async () => {
    const at = { atArea: 'data' };
    for (const durability of ['fua', 'flush'] as const) {
      const scenario = twoDevices({ cut, at, durability, workload: 'random-write', states: 600 });
      expect(await hunt(await load(scenario))).toMatchObject({ violations: [], gaps: [] });
    }
  });

  test('a data device without a volatile cache needs no flush: the same engine is acquitted', async () => {
    const scenario = twoDevices({ cut, states: 1000, nestedStates: 0, dataWriteCache: 'none' });
    const found = await hunt(await load(scenario, tailBeforeFlush));
    expect(found).toMatchObject({ violations: [], gaps: [] });
    expect(found.states).toBeGreaterThan(800);
  });
});
