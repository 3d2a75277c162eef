import { expect, it } from 'vitest';
import type { EngineSession } from '../contract/index.ts';
import {
  alteredScenario,
  headerBytes,
  readBlock,
  sessionWith,
  wipeData,
  type Opening,
} from './altered-engine.fixture.ts';
import { runInTest } from './scenario.fixture.ts';

it.each([0, 30])('wipes and serves from memory, nested %i', async (nestedStates) => {
  const open = async (opening: Opening): Promise<EngineSession> => {
    const session = await opening.asUsual();
    if (opening.mark <= 2) return session;
    const kept = new Map<number, Uint8Array>();
    for (let b = 0; b < 8; b++) kept.set(b, await readBlock(opening.device, 1 + b));
    await wipeData(opening.device);
    return sessionWith(session, {
      read: async (first, target) => {
        for (let at = 0; at < target.length; at += 4096)
          target.set(kept.get(first + at / 4096)!, at);
      },
    });
  };
  const changes = {
    explore: { rounds: 1, states: 60, nestedStates },
    workload: { use: 'random-write', with: { spreadBlocks: 8 } },
    faults: [
      { use: 'stale-read', at: { atBytes: headerBytes }, times: 1, during: 'recovery' } as const,
    ],
  };
  // recoveryRequestsMax is 16
  const { summary } = await runInTest([await alteredScenario(changes, { open, promises: {} })]);
  expect(summary.cells[0]!.verdict.status).toBe('fail');
});
