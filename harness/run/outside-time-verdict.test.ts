/**
 * An engine that waits for something real on the simulated drive looks dead to the timeline. It is not
 * hung, and is not convicted of it: nothing can be said of it.
 */
import { webcrypto } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { CellResult, EngineSession } from '../contract/index.ts';
import { alteredScenario, sessionWith, type Alterations } from './altered-engine.fixture.ts';
import { runInTest, type TestRun } from './scenario.fixture.ts';

const waits: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['a timer', () => delay(5)],
  ['a file', () => fs.stat('.')],
  ['another thread', () => webcrypto.subtle.digest('SHA-256', new Uint8Array(64))],
];

const opening = (wait: () => Promise<unknown>): Alterations => ({
  open: async ({ isReopened, asUsual }) => {
    if (isReopened) await wait();
    return asUsual();
  },
});

const reading = (wait: () => Promise<unknown>): Alterations => ({
  open: async ({ isReopened, asUsual }) => {
    const session = await asUsual();
    if (!isReopened) return session;
    const read: EngineSession['read'] = async (block, target) => {
      await wait();
      await session.read(block, target);
    };
    return sessionWith(session, { read });
  },
});

const submitting = (wait: () => Promise<unknown>): Alterations => ({
  open: async ({ asUsual }) => {
    const session = await asUsual();
    const submit: EngineSession['submit'] = async (op, payload) => {
      await wait();
      return session.submit(op, payload);
    };
    return sessionWith(session, { submit });
  },
});

async function run(alterations: Alterations): Promise<TestRun> {
  const explore = { rounds: 1, states: 4, nestedStates: 0 };
  return runInTest([await alteredScenario({ explore }, alterations)]);
}

function cellOf({ summary }: TestRun): CellResult {
  return summary.cells[0]!;
}

describe('an engine that waits outside of simulated time', () => {
  it.each(waits)('for %s while it recovers is not called hung (@req D5)', async (_what, wait) => {
    const ended = await run(opening(wait));
    expect(cellOf(ended).verdict.status).toBe('error');
    expect(cellOf(ended).verdict.reason).toMatch(/waits for something outside the simulated time/);
    expect(ended.summary.exitCode).toBe(4);
  });

  it.each(waits)('for %s while it is read back is not called hung', async (_what, wait) => {
    const ended = await run(reading(wait));
    expect(cellOf(ended).verdict.reason).toMatch(/waits for something outside the simulated time/);
    expect(ended.summary.exitCode).toBe(4);
  });

  it.each(waits)('for %s with an operation is not passed (@req D5)', async (_what, wait) => {
    const ended = await run(submitting(wait));
    expect(cellOf(ended).verdict.status).toBe('inconclusive');
    expect(cellOf(ended).verdict.reason).toMatch(/stopped answering in round 0/);
    expect(ended.summary.exitCode).toBe(4);
  });

  it('is told from one that waits for what never comes, which is convicted (@req D1)', async () => {
    const ended = await run(opening(() => new Promise(() => undefined)));
    expect(cellOf(ended).verdict.status).toBe('fail');
    expect(cellOf(ended).failures[0]!.violation.found).toMatch(/^hung/);
    expect(ended.summary.exitCode).toBe(1);
  });

  it('may wait for promises alone, which take no time', async () => {
    const ended = await run(opening(() => Promise.all([Promise.resolve(1), Promise.resolve(2)])));
    expect(cellOf(ended).verdict).toMatchObject({ status: 'pass' });
  });
});
