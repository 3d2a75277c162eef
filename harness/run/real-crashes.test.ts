import { describe, expect, test } from 'vitest';
import type { FaultModule, Scenario, ScenarioFault } from '../contract/index.ts';
import { readyFileScenario } from './files/file-scenario.fixture.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import {
  blocksCrashOf,
  hasHistory,
  killsMachine,
  losesCache,
  requireMachineKill,
} from './real-crashes.ts';
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
  expect(() => {
    requireMachineKill(ready);
  }).not.toThrow();
  expect(killsMachine(await withFaults(['dm-flakey'], { rig }))).toBe(false);
  const both = await withFaults(['vm-kill', 'kill'], { rig });
  expect(() => {
    requireMachineKill(both);
  }).toThrow(/expected vm-kill alone/);
});

describe('the cache of the drive of a killed machine', () => {
  const keeping: readonly ScenarioFault[] = [
    {
      use: 'vm-kill',
      with: { volatileCache: 'kept' },
      at: { atOp: 1 },
      times: 1,
      during: 'workload',
    },
  ];

  test('is lost unless the scenario says that it is kept', async () => {
    const { scenario } = await withFaults(['vm-kill'], { rig: 'vm' });
    expect(losesCache(scenario)).toBe(true);
    expect(losesCache({ rig: 'vm', faults: keeping })).toBe(false);
    expect(losesCache((await withFaults(['dm-flakey'], { rig: 'vm' })).scenario)).toBe(false);
    expect(hasHistory({ ...scenario, faults: keeping })).toBe(false);
  });

  test('must be lost for a file system, and cannot be on two drives', async () => {
    const files = await readyFileScenario();
    const { module, options } = (await withFaults(['vm-kill'])).faults[0]!;
    const faults = [{ module, options, spec: keeping[0]! }];
    const scenario: Scenario = { ...files.scenario, rig: 'vm', faults: keeping };
    expect(() => {
      requireMachineKill({ ...files, scenario, faults });
    }).toThrow(/expected lost/);
    const two = await withFaults(['vm-kill'], { rig: 'vm', dataDevice: smallScenario.device });
    expect(() => {
      requireMachineKill(two);
    }).toThrow(/two devices/);
  });
});

test('a log of writes is a history like that of the twin, wherever it was made', async () => {
  const hasOne = async (names: readonly FaultName[], rig: 'sim' | 'device' | 'vm') =>
    hasHistory((await withFaults(names, { rig })).scenario);
  expect(await hasOne([], 'sim')).toBe(true);
  expect(await hasOne(['dm-log-writes'], 'device')).toBe(true);
  expect(await hasOne(['dm-log-writes'], 'vm')).toBe(true);
  expect(await hasOne(['vm-kill'], 'vm')).toBe(true);
  expect(await hasOne(['kill'], 'device')).toBe(false);
  expect(await hasOne(['dm-flakey'], 'vm')).toBe(false);
});
