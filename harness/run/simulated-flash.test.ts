import { expect, it } from 'vitest';
import type { CellResult, FlashModel } from '../contract/index.ts';
import { readyScenario, runInTest } from './scenario.fixture.ts';

const device = {
  logicalBlockBytes: 4096,
  capacityBlocks: 513,
  atomicWriteBlocks: 1,
  writeCache: 'volatile',
  supportsFua: true,
} as const;
const explore = { rounds: 2, states: 20, nestedStates: 2 };

async function cellWith(flash?: FlashModel): Promise<CellResult> {
  const limits = { ops: 600, queueDepth: 4, durationMs: 60_000 };
  const ready = await readyScenario({ device, explore, limits, ...(flash && { flash }) });
  const { summary } = await runInTest([ready]);
  return summary.cells[0]!;
}

const model = { pageBytes: 4096, pagesPerEraseBlock: 256, overProvisioning: 0.07 } as const;

it('@req K5: simulated flash gets what the drive got, beside the other levels, and changes none', async () => {
  const without = await cellWith();
  const filled = await cellWith({ ...model, preconditioning: 'random' });
  const { simulatedFlash, ...counted } = filled.writeAmplification!;
  expect(without.writeAmplification).toEqual(counted);
  expect(simulatedFlash!.hostBytes).toBe(counted.deviceBytes);
  // A drive that is full copies for every write, and a fresh one of this size for few.
  expect(simulatedFlash!.programmedBytes).toBeGreaterThan(1.5 * counted.deviceBytes!);
  const fresh = await cellWith({ ...model, preconditioning: 'empty' });
  const { programmedBytes } = fresh.writeAmplification!.simulatedFlash!;
  expect(programmedBytes).toBeLessThan(simulatedFlash!.programmedBytes);
  expect(filled.verdict).toEqual(without.verdict);
  expect(filled.counts).toEqual(without.counts);
});

it('@req K5: the drive gets what the engine submitted, and its formatting is in neither', async () => {
  const { writeAmplification } = await cellWith();
  const { engineBytes, deviceBytes } = writeAmplification!;
  const counted = Object.values(engineBytes).reduce((sum, bytes) => sum + bytes, 0);
  // In each round this engine notes that it was opened, in a block that it does not count itself.
  expect(deviceBytes! - counted).toBe(explore.rounds * device.logicalBlockBytes);
});
