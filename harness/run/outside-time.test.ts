/**
 * An engine that waits for something real on the simulated drive looks dead to the timeline. It is not
 * hung, and must not be convicted of it; nor may it pass where it was not waited for.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { CellResult, EngineSession } from '../contract/index.ts';
import { alteredScenario, sessionWith, type Alterations } from './altered-engine.fixture.ts';
import { runInTest } from './scenario.fixture.ts';

type Wait = () => Promise<unknown>;

const aTimer: Wait = () => delay(1);

/** Waits last of all in a read-back, so that nothing simulated is left to do when the wait ends. */
function readingBack(wait: Wait): Alterations {
  return {
    open: async ({ isReopened, asUsual }) => {
      const session = await asUsual();
      if (!isReopened) return session;
      const read: EngineSession['read'] = async (block, target) => {
        await session.read(block, target);
        await wait();
      };
      return sessionWith(session, { read });
    },
  };
}

function submitting(wait: Wait): Alterations {
  return {
    open: async ({ asUsual }) => {
      const session = await asUsual();
      const submit: EngineSession['submit'] = async (op, payload) => {
        await wait();
        return session.submit(op, payload);
      };
      return sessionWith(session, { submit });
    },
  };
}

/** All blocks are neighbours, so that they are read back in one request. */
async function judge(alterations: Alterations): Promise<CellResult> {
  const changes = {
    workload: { use: 'random-write', with: { spreadBlocks: 4 } },
    explore: { rounds: 1, states: 4, nestedStates: 0 },
  };
  const { summary } = await runInTest([await alteredScenario(changes, alterations)]);
  return summary.cells[0]!;
}

describe('an engine that waits outside of simulated time', () => {
  it('while it is read back is not convicted of hanging (@req D1)', async () => {
    const cell = await judge(readingBack(aTimer));
    expect(cell.verdict.status).not.toBe('fail');
    expect(cell.counts.violations).toBe(0);
  });

  it('with an operation is not passed (@req D5)', async () => {
    const cell = await judge(submitting(() => delay(5)));
    expect(cell.verdict.status).toBe('inconclusive');
    expect(cell.verdict.reason).toMatch(/stopped answering in round 0/);
  });

  it('is told from one that waits for what never comes, which is convicted (@req D1)', async () => {
    const cell = await judge(readingBack(() => new Promise(() => undefined)));
    expect(cell.verdict.status).toBe('fail');
    expect(cell.failures[0]!.violation.found).toMatch(/^hung/);
  });

  it('is told from one that waits for promises alone, which take no time', async () => {
    const cell = await judge(readingBack(() => Promise.resolve()));
    expect(cell.verdict).toMatchObject({ status: 'pass' });
  });
});
