/** Every reason for which a round proves less than it should, and what stands next to each that is none. */
import { describe, expect, it } from 'vitest';
import {
  faultClasses,
  type BlockDamage,
  type FaultClass,
  type FaultFiring,
  type Outcome,
  type RecoveredState,
} from '../contract/index.ts';
import { createLedger } from '../ledger/ack-ledger.ts';
import { gapsOf } from './round-gaps.ts';

const queueDepth = 2;
const round = 5;

const outcomes: Readonly<Record<string, Outcome>> = {
  '+': { status: 'acknowledged' },
  '-': { status: 'rejected', reason: 'read-only' },
  '?': { status: 'indeterminate', reason: 'EIO' },
};

/** A letter for each operation: `+` acknowledged, `-` rejected, `?` indeterminate, `.` never settled. */
function ledgerOf(story: string): Parameters<typeof gapsOf>[0]['ledger'] {
  const ledger = createLedger({ seed: 1 });
  for (const letter of story) {
    const id = ledger.invoke({ kind: 'write', block: 0, blockCount: 1 }, 0, 0);
    const outcome = outcomes[letter];
    if (outcome !== undefined) ledger.settle(id, outcome, 0);
  }
  return ledger.view();
}

function fired(...classes: readonly FaultClass[]): readonly FaultFiring[] {
  return classes.map((faultClass) => ({ fault: faultClass, faultClass, atNs: 0, details: {} }));
}

function servedWith(...damage: readonly BlockDamage[]): RecoveredState {
  return {
    opened: true,
    observed: { blocks: new Int32Array(damage.length), log: new Int32Array(0) },
    damage: new Map(damage.entries()),
    values: new Float64Array(damage.length),
    logDamage: new Map(),
    recoveryRequests: 0,
    recoveryNs: 0,
  };
}

function notServed(reason: Extract<RecoveredState, { opened: false }>['reason']): RecoveredState {
  return { opened: false, reason, message: 'it says why', recoveryRequests: 0 };
}

const served = servedWith();
const refusedBlock: BlockDamage = { kind: 'unreadable', reason: 'corrupt', message: 'a checksum' };

interface Round {
  readonly story?: string;
  readonly live?: RecoveredState | undefined;
  readonly firings?: readonly FaultFiring[];
}

function gaps({ story = '++++', live, firings = [] }: Round): readonly string[] {
  return gapsOf({ round, firings, ledger: ledgerOf(story), live }, queueDepth);
}

describe('a round is a gap (@req D5)', () => {
  it.each<[string, Round, string]>([
    [
      'where the engine stopped answering',
      { story: '++..', live: undefined },
      'the engine stopped answering in round 5: 2 operations were left without an answer',
    ],
    [
      'where it stopped answering with nothing left to answer',
      { live: undefined },
      'the engine stopped answering in round 5: 0 operations were left without an answer',
    ],
    [
      'where it stopped answering after a fault that is no power cut',
      { story: '+.', live: undefined, firings: fired('write-error', 'slow-device') },
      'the engine stopped answering in round 5: 1 operation was left without an answer',
    ],
    [
      'where reading back crashed',
      { live: notServed('crashed') },
      'reading back from the running engine failed in round 5: it says why',
    ],
    [
      'where reading back crashed, whatever fault had fired',
      { live: notServed('crashed'), firings: fired('bit-rot') },
      'reading back from the running engine failed in round 5: it says why',
    ],
    [
      'where a block was refused and no fault had fired',
      { live: servedWith({ kind: 'zeroed' }, refusedBlock) },
      'the running engine refused to read blocks in round 5, though no fault explains it',
    ],
    [
      'where the last operations were rejected',
      { story: '+-----', live: served },
      'the engine refused the last 5 operations in round 5, though no fault explains it',
    ],
    [
      'where the last operations were of unknown outcome',
      { story: '++?-?-?', live: served },
      'the engine refused the last 5 operations in round 5, though no fault explains it',
    ],
    [
      'where every operation was refused',
      { story: '-----', live: served },
      'the engine refused the last 5 operations in round 5, though no fault explains it',
    ],
  ])('%s', (_where, evidence, gap) => {
    expect(gaps(evidence)).toEqual([gap]);
  });
});

describe('a round is no gap', () => {
  it.each<[string, Round]>([
    ['where all was answered and read back', { live: served }],
    [
      'where power was cut under it',
      { story: '+..', live: undefined, firings: fired('power-loss') },
    ],
    [
      'where damaged blocks were served',
      { live: servedWith({ kind: 'zeroed' }, { kind: 'corrupt' }) },
    ],
    [
      'where no more was refused at the end than can be in flight twice',
      { story: '+----', live: served },
    ],
    ['where operations were refused before the last good one', { story: '-------+', live: served }],
  ])('%s', (_where, evidence) => {
    expect(gaps(evidence)).toEqual([]);
  });

  it('because of operations that settled out of order', () => {
    const ledger = createLedger({ seed: 1 });
    const ids = Array.from('+-----', () =>
      ledger.invoke({ kind: 'write', block: 0, blockCount: 1 }, 0, 0),
    );
    const [slow, ...refused] = ids;
    for (const id of refused) ledger.settle(id, outcomes['-']!, 0);
    ledger.settle(slow!, outcomes['+']!, 0);
    expect(gapsOf({ round, firings: [], ledger: ledger.view(), live: served }, 1)).toEqual([]);
  });
});

describe('a refusal by the running engine', () => {
  const unexplaining: readonly FaultClass[] = ['process-kill', 'flush-ignored', 'slow-device'];
  const explaining = faultClasses.filter((name) => !unexplaining.includes(name));
  const refusals: readonly (readonly [string, Round])[] = [
    ['of blocks', { live: servedWith(refusedBlock) }],
    ['of the last operations', { story: '+-----', live: served }],
  ];

  it.each(explaining)('is explained by %s', (faultClass) => {
    for (const [of, refusal] of refusals) {
      expect(gaps({ ...refusal, firings: fired('slow-device', faultClass) }), of).toEqual([]);
    }
  });

  it.each(unexplaining)('is not explained by %s, of which an engine cannot know', (faultClass) => {
    for (const [of, refusal] of refusals) {
      const found = gaps({ ...refusal, firings: fired(faultClass) });
      expect(found, of).toEqual([expect.stringContaining('no fault explains it')]);
    }
  });
});
