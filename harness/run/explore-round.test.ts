import { expect, it } from 'vitest';
import { RoundExplorer } from './explore-round.ts';
import { recordRound } from './record-round.ts';
import { roundBudget } from './run-on-twin.ts';
import { readyScenario, smallScenario } from './scenario.fixture.ts';

it('explores the drive that was recorded, and not the one that the scenario asked for', async () => {
  const device = { ...smallScenario.device, capacityBlocks: 40 };
  const recorded = await recordRound(await readyScenario({ device }), 0);
  const ready = await readyScenario({ device: { ...device, capacityBlocks: 64 } });
  const explorer = new RoundExplorer(ready, recorded, roundBudget(ready));
  expect(explorer.geometries).toEqual({ main: device });
  const last = explorer.plan.states.length - 1;
  const { rig, recovered } = await explorer.recover(explorer.plan.states[last]!);
  expect(rig.devices.main.geometry.capacityBlocks).toBe(40);
  expect(recovered.session?.space.blockCount).toBe(39);
  explorer.release(rig);
  expect((await explorer.judge(last)).outcome).toBe('intact');
});
