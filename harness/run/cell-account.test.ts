/** What a cell adds up to when part of what was asked for could not be looked at. */
import { describe, expect, it } from 'vitest';
import type { CellResult, FaultPromise, Verdict } from '../contract/index.ts';
import { alteredScenario, sessionWith } from './altered-engine.fixture.ts';
import { CellAccount } from './cell-account.ts';
import type { JudgedState } from './judge-windows.ts';
import { readyScenario, runInTest, type ScenarioChanges } from './scenario.fixture.ts';

const survives: FaultPromise = { level: 'survives', citation: 'the test' };
const detects: FaultPromise = { level: 'detects', citation: 'a checksum' };
const nothing: FaultPromise = { level: 'nothing', citation: 'no checksum' };

const intact: JudgedState = {
  id: '0:1',
  digest: '',
  windows: [{ first: 1, last: 1 }],
  outcome: 'intact',
  violations: [],
  excused: 0,
  losses: { acknowledgedNotDurable: 0, exposedBlocks: 0 },
  unprovoked: 0,
  recoveryRequests: 1,
  recoveryFirings: [],
  promise: survives,
  gap: undefined,
};

interface Cell {
  readonly changes?: ScenarioChanges;
  readonly states: readonly JudgedState[];
  readonly gaps?: readonly string[];
  /** Of 8 operations, all acknowledged. */
  readonly changesAcknowledged?: number;
}

async function resultOf(cell: Cell): Promise<CellResult> {
  const account = new CellAccount(await readyScenario(cell.changes));
  const counts = { invoked: 8, acknowledged: 8, rejected: 0, indeterminate: 0 };
  account.addRound({
    outcomes: { ...counts, changes: cell.changesAcknowledged ?? 8 },
    latency: undefined,
    amplification: undefined,
    engineFacts: undefined,
    firings: [],
    coverage: [],
    promise: survives,
    contract: {
      durableWhen: 'acknowledged',
      atomicUnit: 'operation',
      ordering: 'prefix',
      unflushedContents: 'old-or-new',
    },
  });
  for (const state of cell.states) account.addState(state);
  for (const gap of cell.gaps ?? []) account.gaps.add(gap);
  return account.result('cell', [], 1);
}

const noneNested: Verdict = {
  status: 'inconclusive',
  reason: 'no crash during or after a recovery could be judged',
};
const asked: ScenarioChanges = { explore: { rounds: 1, states: 20, nestedStates: 5 } };
const notAsked: ScenarioChanges = { explore: { rounds: 1, states: 20, nestedStates: 0 } };

describe('a cell that was to crash during recoveries', () => {
  it('is inconclusive where none of them could be judged (@req D5, B12)', async () => {
    const { verdict } = await resultOf({ changes: asked, states: [intact] });
    expect(verdict).toEqual(noneNested);
  });

  it('and was stopped says only that', async () => {
    const { verdict } = await resultOf({ changes: asked, states: [intact], gaps: ['interrupted'] });
    expect(verdict).toEqual({ status: 'inconclusive', reason: 'interrupted' });
  });

  it.each<[string, Cell]>([
    ['one was judged', { changes: asked, states: [intact, { ...intact, id: '0:1/3' }] }],
    ['some recovery was refused', { changes: asked, states: [{ ...intact, outcome: 'detected' }] }],
    ['none was asked for', { changes: notAsked, states: [intact] }],
    ['it runs on a device', { changes: { ...asked, rig: 'device' }, states: [intact] }],
  ])('is not held back where %s', async (_where, cell) => {
    expect((await resultOf(cell)).verdict).toMatchObject({ status: 'pass' });
  });
});

describe('the promise that a cell shows', () => {
  it('is the weakest that any of its states was judged by, in any order', async () => {
    const states = [detects, nothing, survives].map((promise) => ({ ...intact, promise }));
    for (const order of [states, states.toReversed()]) {
      const { promise } = await resultOf({ changes: notAsked, states: order });
      expect(promise).toBe('nothing (no checksum)');
    }
  });

  it('decides whether what was excused leaves a pass (@req D5)', async () => {
    const excused = { ...intact, outcome: 'excused', excused: 2, promise: nothing } as const;
    const { verdict } = await resultOf({ changes: notAsked, states: [intact, excused, intact] });
    expect(verdict).toEqual({
      status: 'inconclusive',
      reason: '2 violations, but the engine promises nothing here (no checksum)',
    });
  });
});

describe('a cell in which nothing can have been lost', () => {
  it('is inconclusive: acknowledged flushes are no evidence (@req D5)', async () => {
    const cell = { changes: notAsked, states: [intact], changesAcknowledged: 0 };
    expect((await resultOf(cell)).verdict).toEqual({
      status: 'inconclusive',
      reason: 'no change was acknowledged, so none could be lost',
    });
  });

  it('is found so by the run where the engine takes flushes alone', async () => {
    const changes = {
      ...notAsked,
      workload: { use: 'random-write', with: { flushEvery: 1 } },
    };
    const flushing = await alteredScenario(changes, {
      open: async ({ asUsual }) => {
        const session = await asUsual();
        return sessionWith(session, {
          submit: async (op, payload) =>
            op.kind === 'flush'
              ? session.submit(op, payload)
              : { status: 'rejected', reason: 'read-only' },
        });
      },
    });
    const { verdict, counts } = (await runInTest([flushing])).summary.cells[0]!;
    expect(counts.opsAcknowledged).toBeGreaterThan(0);
    expect(verdict.status).toBe('inconclusive');
    expect(verdict.reason).toMatch(/no change was acknowledged/);
  });
});
