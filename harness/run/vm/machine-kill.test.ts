import { expect, test } from 'vitest';
import { createRandom, type ScenarioFault } from '../../contract/index.ts';
import vmKill from '../../../faults/machine/vm-kill/index.ts';
import type { ReadyScenario } from '../plugin-sources.ts';
import { readyScenario } from '../scenario.fixture.ts';
import { MachineKill, requireEnd, whyNotKilled } from './machine-kill.ts';

const spec: ScenarioFault = { use: 'vm-kill', at: { atOp: 5 }, times: 1, during: 'workload' };

async function readyToBeKilled(): Promise<ReadyScenario> {
  const ready = await readyScenario();
  return {
    ...ready,
    scenario: { ...ready.scenario, faults: [spec] },
    faults: [{ module: vmKill, options: vmKill.options.parse({}), spec }],
  };
}

test('strikes once, when its operation is in the ledger and before anything else', async () => {
  const kill = new MachineKill(await readyToBeKilled(), createRandom(1));
  let cuts = 0;
  await kill.arm({
    cutPower: async () => {
      cuts++;
    },
  });
  kill.note(kill.atOp - 1);
  expect([cuts, kill.firing]).toEqual([0, undefined]);
  kill.note(kill.atOp);
  expect(cuts).toBe(1);
  kill.note(kill.atOp + 1);
  await kill.ended();
  expect(cuts).toBe(1);
  expect(kill.firing).toMatchObject({ fault: 'vm-kill', faultClass: 'power-loss' });
});

test('comes at any operation from the moment of the scenario on', async () => {
  const ready = await readyToBeKilled();
  const drawn = new Set<number>();
  for (let seed = 0; seed < 400; seed++) {
    drawn.add(new MachineKill(ready, createRandom(seed)).atOp);
  }
  const { ops } = ready.scenario.limits;
  expect([Math.min(...drawn), Math.max(...drawn), drawn.size]).toEqual([5, ops - 1, ops - 5]);
});

test('a process that failed of itself is no kill, and one that ended first is a gap', async () => {
  const kill = new MachineKill(await readyToBeKilled(), createRandom(1));
  expect(() => {
    requireEnd({ code: 1, errors: 'no such device' }, kill);
  }).toThrow(/code 1.*no such device/);
  expect(() => {
    requireEnd({ code: 0, errors: '' }, kill);
  }).not.toThrow();
  expect(whyNotKilled(2, kill)).toMatch(/^round 2 ended before operation \d+/);
});
