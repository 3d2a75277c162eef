/** What a real device showed after a kill is judged by what the engine promises of a kill. */
import { describe, expect, it } from 'vitest';
import {
  initialContents,
  type FaultClass,
  type FaultFiring,
  type FaultPromise,
  type LedgerView,
} from '../contract/index.ts';
import { createLedger } from '../ledger/ack-ledger.ts';
import { alteredScenario, contractOf } from './altered-engine.fixture.ts';
import type { JudgedState } from './judge-windows.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { promiseToJudgeBy } from './promise-in-force.ts';
import { judgeKill, type SavedKill } from './saved-kill.ts';
import { smallScenario } from './scenario.fixture.ts';

const survives: FaultPromise = { level: 'survives', citation: 'it is in the page cache' };
const detects: FaultPromise = { level: 'detects', citation: 'a checksum' };
const nothing: FaultPromise = { level: 'nothing', citation: 'it is never flushed' };

type Promises = Partial<Record<FaultClass, FaultPromise>>;

function onDevice(promises: Promises): Promise<ReadyScenario> {
  return alteredScenario({ rig: 'device' }, { promises });
}

const killed: FaultFiring = { fault: 'kill', faultClass: 'process-kill', atNs: 0, details: {} };

/** Two blocks are written and acknowledged, then the process is killed, as the harness records it. */
function killedLedger(): LedgerView {
  const ledger = createLedger({ seed: 1 });
  for (const block of [0, 1]) {
    const id = ledger.invoke({ kind: 'write', block, blockCount: 1 }, 0, 0);
    ledger.settle(id, { status: 'acknowledged' }, 0);
  }
  ledger.mark({ kind: 'fault', firing: killed });
  ledger.mark({ kind: 'crash', endedEpoch: 1 });
  return ledger.view();
}

/** What was read back: the operation in each block. */
function readBack(ledger: LedgerView, blocks: readonly number[]): SavedKill {
  return {
    round: 0,
    position: ledger.end,
    geometry: smallScenario.device,
    recovered: {
      opened: true,
      blocks,
      log: [],
      damage: [],
      values: blocks.map(() => 0),
      logDamage: [],
      recoveryRequests: 1,
      recoveryNs: 1,
    },
  };
}

async function judgeLoss(promises: Promises): Promise<JudgedState> {
  const ledger = killedLedger();
  const kill = readBack(ledger, [1, initialContents]);
  return judgeKill(await onDevice(promises), ledger, kill);
}

describe('a loss after a kill', () => {
  it('convicts an engine that survives a kill, though it promises nothing for a power cut (@req D1)', async () => {
    const judged = await judgeLoss({ 'process-kill': survives, 'power-loss': nothing });
    expect(judged).toMatchObject({ outcome: 'violated', excused: 0, promise: survives });
    expect(judged.violations.map(({ kind, ops }) => ({ kind, ops }))).toEqual([
      { kind: 'lost', ops: [2] },
    ]);
  });

  it('is excused where the engine promises nothing for a kill, though it survives a power cut', async () => {
    const judged = await judgeLoss({ 'process-kill': nothing, 'power-loss': survives });
    expect(judged).toMatchObject({ outcome: 'excused', violations: [], excused: 1 });
    expect(judged.promise).toEqual(nothing);
  });

  it('is none where everything is there', async () => {
    const ledger = killedLedger();
    const ready = await onDevice({ 'process-kill': survives, 'power-loss': nothing });
    const judged = judgeKill(ready, ledger, readBack(ledger, [1, 2]));
    expect(judged).toMatchObject({ outcome: 'intact', violations: [], excused: 0 });
  });
});

describe('the promise that a cell is judged by', () => {
  it.each<['sim' | 'device', Promises, readonly FaultFiring[], FaultPromise]>([
    ['sim', { 'power-loss': survives, 'process-kill': nothing }, [], survives],
    ['sim', { 'power-loss': nothing, 'process-kill': survives }, [], nothing],
    ['device', { 'power-loss': survives, 'process-kill': nothing }, [], nothing],
    ['device', { 'power-loss': nothing, 'process-kill': survives }, [], survives],
    ['device', { 'power-loss': nothing, 'process-kill': detects }, [killed], detects],
  ])('on rig %s with %j is the one about how it ends', async (rig, promises, firings, expected) => {
    const ready = await alteredScenario({ rig }, { promises });
    expect(promiseToJudgeBy(ready.scenario, contractOf(ready), firings)).toEqual(expected);
  });
});
