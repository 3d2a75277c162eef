import { describe, expect, test } from 'vitest';
import type { FaultModule, ScenarioFault } from '../contract/index.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { blocksCrashOf, hasHistory, killsMachine, requireMachineKill } from './real-crashes.ts';
import { readyScenario, smallScenario, type ScenarioChanges } from './scenario.fixture.ts';

const layers = {
  kill: 'process',
  'dm-flakey': 'device-mapper',
  'dm-corrupt': 'device-mapper',
  'dm-log-writes': 'device-mapper',
  'vm-kill': 'machine',
} as const;

type FaultName = keyof typeof layers;

/** The scenario with these faults, of which only the names and the layers are looked at. */
async function withFaults(
  names: readonly FaultName[],
  changes: ScenarioChanges = {},
): Promise<ReadyScenario> {
  const ready = await readyScenario({ rig: 'device', ...changes });
  const specs = names.map((use): ScenarioFault => ({
    use,
    at: { atOp: 1 },
    times: 1,
    during: 'workload',
  }));
  return {
    ...ready,
    scenario: { ...ready.scenario, faults: specs },
    faults: specs.map((spec) => {
      const name = spec.use as FaultName;
      return { spec, options: {}, module: { name, layer: layers[name] } as FaultModule };
    }),
  };
}

describe('an engine of blocks on a real device', () => {
  test.each([
    [[], 'kill'],
    [['kill'], 'kill'],
    [['dm-flakey'], 'cut'],
    [['dm-log-writes'], 'log'],
  ] as const)('with the faults %j is crashed by a %s', async (names, crash) => {
    expect(blocksCrashOf(await withFaults(names))).toBe(crash);
  });

  test.each([[['dm-corrupt']], [['kill', 'dm-flakey']], [['vm-kill']]] as const)(
    'is not run with the faults %j, of which nothing could be concluded',
    async (names) => {
      const ready = await withFaults(names);
      expect(() => blocksCrashOf(ready)).toThrow(/expected/);
    },
  );

  test('is not logged on two devices, as nothing orders their logs', async () => {
    const ready = await withFaults(['dm-log-writes'], { dataDevice: smallScenario.device });
    expect(() => blocksCrashOf(ready)).toThrow(/two logs/);
    expect(
      blocksCrashOf(await withFaults(['dm-flakey'], { dataDevice: smallScenario.device })),
    ).toBe('cut');
  });
});

test('a machine is killed from outside of it, and by a fault of its own alone', async () => {
  const rig = 'vm';
  const ready = await withFaults(['vm-kill'], { rig });
  expect(killsMachine(ready)).toBe(true);
  expect(requireMachineKill(ready)).toBe(ready);
  expect(killsMachine(await withFaults(['dm-flakey'], { rig }))).toBe(false);
  const both = await withFaults(['vm-kill', 'kill'], { rig });
  expect(() => requireMachineKill(both)).toThrow(/expected vm-kill alone/);
});

test('a log of writes is a history like that of the twin, wherever it was made', async () => {
  const hasOne = async (names: readonly FaultName[], rig: 'sim' | 'device' | 'vm') =>
    hasHistory((await withFaults(names, { rig })).scenario);
  expect(await hasOne([], 'sim')).toBe(true);
  expect(await hasOne(['dm-log-writes'], 'device')).toBe(true);
  expect(await hasOne(['dm-log-writes'], 'vm')).toBe(true);
  expect(await hasOne(['kill'], 'device')).toBe(false);
  expect(await hasOne(['dm-flakey'], 'vm')).toBe(false);
});
