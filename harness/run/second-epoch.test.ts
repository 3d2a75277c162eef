/** What an engine does with new work after a recovery is evidence too: one that hangs then is no pass. */
import { describe, expect, it } from 'vitest';
import type { CellResult, EngineSession } from '../contract/index.ts';
import { alteredScenario, sessionWith, type Alterations } from './altered-engine.fixture.ts';
import { runInTest } from './scenario.fixture.ts';

const never = (): Promise<never> => new Promise(() => undefined);

/** As the engine is after it was reopened; the first epoch is as ever. */
function afterRecovery(change: (session: EngineSession) => Partial<EngineSession>): Alterations {
  return {
    open: async ({ isReopened, asUsual }) => {
      const session = await asUsual();
      return isReopened ? sessionWith(session, change(session)) : session;
    },
  };
}

async function judge(alterations: Alterations, nestedStates = 12): Promise<CellResult> {
  const explore = { rounds: 1, states: 36, nestedStates };
  const { summary } = await runInTest([await alteredScenario({ explore }, alterations)]);
  return summary.cells[0]!;
}

describe('an engine that has recovered', () => {
  it('and answers no operation is not passed, though it lost nothing (@req D5)', async () => {
    const cell = await judge(afterRecovery(() => ({ submit: never })));
    expect(cell.verdict.status).toBe('inconclusive');
    expect(cell.verdict.reason).toMatch(
      /^after the recovery of state 0:\d+ the engine stopped answering$/,
    );
    expect(cell.counts.nestedStates).toBeGreaterThan(0);
    expect(cell.counts.violations).toBe(0);
  });

  it('and stops answering later is not passed either (@req D5)', async () => {
    let answers = 5;
    const stopping = afterRecovery((session) => ({
      submit: (op, payload) => (answers-- > 0 ? session.submit(op, payload) : never()),
    }));
    const cell = await judge(stopping);
    expect(cell.verdict.status).toBe('inconclusive');
    expect(cell.verdict.reason).toMatch(/the engine stopped answering$/);
  });

  it('is convicted of what it lost before it stopped answering', async () => {
    let answers = 5;
    const lying = afterRecovery(() => ({
      submit: async () => (answers-- > 0 ? { status: 'acknowledged' } : never()),
    }));
    const cell = await judge(lying, 24);
    expect(cell.verdict.status).toBe('fail');
    expect(cell.failures.every(({ state }) => state.includes('/'))).toBe(true);
  });

  it('and goes on as before passes', async () => {
    const cell = await judge(afterRecovery(() => ({})));
    expect(cell.verdict).toMatchObject({ status: 'pass' });
    expect(cell.counts.nestedStates).toBeGreaterThan(0);
  });

  it('and never opens again is convicted, and is no gap', async () => {
    const explore = { rounds: 1, states: 4, nestedStates: 0 };
    const hanging: Alterations = {
      open: ({ isReopened, asUsual }) => (isReopened ? never() : asUsual()),
    };
    const { summary } = await runInTest([await alteredScenario({ explore }, hanging)]);
    const [cell] = summary.cells;
    expect(cell!.verdict.status).toBe('fail');
    expect(cell!.failures[0]!.violation.found).toMatch(
      /^hung: no answer after \d+ device requests?$/,
    );
  });
});
