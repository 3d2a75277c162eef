/**
 * Faults that fire while an engine recovers: what the recovery did to the drive before it gave up is
 * looked at once the fault is gone, and the verdict names the weakest promise that anything was
 * judged by.
 */
import { describe, expect, it } from 'vitest';
import {
  EngineRefusal,
  type CellResult,
  type EngineSession,
  type FaultPromise,
  type RefusalReason,
  type ScenarioFault,
} from '../contract/index.ts';
import {
  alteredScenario,
  dataBytes,
  headerBytes,
  wipeData,
  type Alterations,
  type Opening,
} from './altered-engine.fixture.ts';
import { runInTest, type ScenarioChanges } from './scenario.fixture.ts';

const survives: FaultPromise = { level: 'survives', citation: 'it reads twice' };
const detects: FaultPromise = { level: 'detects', citation: 'it checks its header' };
const nothing: FaultPromise = { level: 'nothing', citation: 'reads are trusted' };

/** The first read of the bytes, in each recovery, is answered with what they held before. */
function staleRead(atBytes: { byteOffset: number; byteCount: number }): ScenarioFault {
  return { use: 'stale-read', at: { atBytes }, times: 1, during: 'recovery' };
}

async function judge(changes: ScenarioChanges, alterations: Alterations): Promise<CellResult> {
  const explore = { rounds: 1, states: 24, nestedStates: 0 };
  const { summary } = await runInTest([
    await alteredScenario({ explore, ...changes }, alterations),
  ]);
  return summary.cells[0]!;
}

describe('a recovery that gives up on a stale header', () => {
  /** Does its damage, then declines to open; a header that is not stale is opened as ever. */
  const givingUp =
    (reason: RefusalReason, damage: (opening: Opening) => Promise<void>) =>
    async (opening: Opening): Promise<EngineSession> => {
      if (opening.mark <= 2) return opening.asUsual();
      await damage(opening);
      throw new EngineRefusal(reason, `the header begins with ${opening.mark}`);
    };
  const faults = [staleRead(headerBytes)];
  const promises = { 'stale-read': detects };

  it.each<RefusalReason>(['corrupt', 'not-formatted', 'device-error', 'incompatible'])(
    'as %s is convicted of what it wiped, once the fault is gone (@req D1)',
    async (reason) => {
      const wiping = givingUp(reason, ({ device }) => wipeData(device));
      const cell = await judge({ faults }, { promises, open: wiping });
      expect(cell.verdict.status).toBe('fail');
      expect(cell.failures.map(({ violation }) => violation.kind)).toContain('zeroed');
      expect(cell.failures.map(({ violation }) => violation.place.kind)).not.toContain('recovery');
    },
  );

  it('is convicted of having made the volume impossible to open', async () => {
    const condemn = async ({ device }: Opening): Promise<void> => {
      await device.write(0, device.allocate(4096).fill(9), { fua: true });
    };
    const cell = await judge({ faults }, { promises, open: givingUp('corrupt', condemn) });
    expect(cell.verdict.status).toBe('fail');
    expect(cell.failures[0]!.violation).toMatchObject({
      kind: 'recovery-failed',
      found: 'corrupt: the header begins with 9',
    });
  });

  it.each<FaultPromise>([survives, detects, nothing])(
    'is not convicted where it left the drive as it was, whatever is promised: $level (@req D1)',
    async (promise) => {
      const open = givingUp('corrupt', async () => undefined);
      const cell = await judge({ faults }, { promises: { 'stale-read': promise }, open });
      expect(cell.verdict.status).toBe('pass');
      expect(cell.counts).toMatchObject({ violations: 0, statesDetected: 24 });
    },
  );

  it('is convicted where it crashes, though it comes up whole afterwards', async () => {
    const open = async (opening: Opening): Promise<EngineSession> => {
      if (opening.mark <= 2) return opening.asUsual();
      throw new TypeError('cannot read properties of undefined');
    };
    const cell = await judge({ faults }, { promises, open });
    expect(cell.verdict.status).toBe('fail');
    expect(cell.failures[0]!.violation).toMatchObject({
      kind: 'recovery-failed',
      found: expect.stringContaining('crashed: TypeError') as string,
    });
  });
});

describe('a fault of which the contract promises nothing, in the recovery alone', () => {
  it('excuses what it explains: inconclusive, with that promise named (@req D5)', async () => {
    const faults = [staleRead(dataBytes)];
    const cell = await judge({ faults }, { promises: { 'stale-read': nothing } });
    expect(cell.verdict.status).toBe('inconclusive');
    expect(cell.verdict.reason).toMatch(
      /^\d+ violations, but the engine promises nothing here \(reads are trusted\)$/,
    );
    expect(cell.promise).toBe('nothing (reads are trusted)');
    expect(cell.counts.violations).toBe(0);
    expect(cell.expectationMet).toBe(false);
  });

  it('convicts where the contract does promise something', async () => {
    const faults = [staleRead(dataBytes)];
    const cell = await judge({ faults }, { promises: { 'stale-read': detects } });
    expect(cell.verdict.status).toBe('fail');
    expect(cell.promise).toBe('detects (it checks its header)');
  });

  it('excuses a crash of the first attempt, and is no pass either (@req D5)', async () => {
    const open = async (opening: Opening): Promise<EngineSession> => {
      if (opening.mark <= 2) return opening.asUsual();
      throw new TypeError('cannot read properties of undefined');
    };
    const faults = [staleRead(headerBytes)];
    const cell = await judge({ faults }, { promises: { 'stale-read': nothing }, open });
    expect(cell.verdict.status).toBe('inconclusive');
    expect(cell.verdict.reason).toMatch(/promises nothing here \(reads are trusted\)/);
  });

  it('does not excuse what is still lost when the read is right again', async () => {
    const open = async ({ device, mark, asUsual }: Opening): Promise<EngineSession> => {
      if (mark <= 2) return asUsual();
      await wipeData(device);
      throw new EngineRefusal('corrupt', 'wiped');
    };
    const faults = [staleRead(headerBytes)];
    const cell = await judge({ faults }, { promises: { 'stale-read': nothing }, open });
    expect(cell.verdict.status).toBe('fail');
    expect(cell.failures.map(({ violation }) => violation.kind)).toContain('zeroed');
  });

  it('takes nothing away from a pass where nothing was wrong, and is named all the same', async () => {
    const faults = [staleRead(headerBytes)];
    const cell = await judge({ faults }, { promises: { 'stale-read': nothing } });
    expect(cell.verdict.status).toBe('pass');
    expect(cell.promise).toBe('nothing (reads are trusted)');
  });
});
