import { describe, expect, it } from 'vitest';
import type { BlockDamage, Verifier } from '../contract/index.ts';
import { acknowledgedWrites } from './acknowledged-writes.ts';
import { allowedLosses } from './allowed-losses.ts';
import { atomicity } from './atomicity.ts';
import { judge } from './judge.ts';
import { convictions, evidenceOf, type CrashCase } from './story-fixture.ts';
import { writeOrder } from './write-order.ts';

const stamp = { seed: 1, block: 9, op: 1, writer: 0, epoch: 1, value: 0 };
const garbage: BlockDamage = { kind: 'misdirected', stamp };
const torn: BlockDamage = { kind: 'torn', sectorOps: [1, 0] };
const zeroed: BlockDamage = { kind: 'zeroed' };
const writeback = { durableWhen: 'flushed', unflushedContents: 'anything' } as const;

type Row = readonly [behaviour: string, crash: CrashCase, expected: readonly string[]];

function check(verifier: Verifier, rows: readonly Row[]): void {
  it.each(rows)('%s', (_behaviour, crash, expected) => {
    expect(
      convictions(verifier, { ...crash, contract: { ...writeback, ...crash.contract } }),
    ).toEqual(expected);
  });
}

describe('where a contract allows anything of what was not flushed @req B9', () => {
  check(acknowledgedWrites, [
    ['a block with an unflushed write may show garbage', { story: 'w0 +1', blocks: [garbage] }, []],
    ['one with a write on its way may', { story: 'w0', blocks: [torn] }, []],
    [
      'so may one whose flushed write was followed by another',
      { story: 'w0 +1 f +2 w0 +3', blocks: [garbage] },
      [],
    ],
    [
      'a block whose newest write was flushed must be exact',
      { story: 'w0 +1 f +2', blocks: [garbage] },
      ['misdirected@0'],
    ],
    ['it must not be zeros either', { story: 'w0 +1 f +2', blocks: [zeroed] }, ['zeroed@0']],
    ['nor an older version', { story: 'w0 +1 w0 +2 f +3', blocks: [1] }, ['lost@0']],
    [
      'a flush that had begun before the write was acknowledged does not cover it',
      { story: 'w0 f +1 +2', blocks: [garbage] },
      [],
    ],
    [
      'a write that begins after the crash excuses nothing',
      {
        story: 'w0 +1 f +2 w0 +3',
        blocks: [garbage],
        window: { first: 4, last: 4 },
      },
      ['misdirected@0'],
    ],
    [
      'a write that was rejected excuses nothing',
      { story: 'w0 +1 f +2 w0 -3', blocks: [torn] },
      ['torn@0'],
    ],
    ['what a recovery served stays', { story: 'w0 +1 w0 +2 ! R1', blocks: [torn] }, ['torn@0']],
    [
      'a block that a recovery served as garbage may still be garbage',
      { story: 'w0 +1 w0 +2 ! R-1', blocks: [garbage] },
      [],
    ],
    [
      'until a newer write to it is flushed',
      { story: 'w0 +1 ! R-1 w0 +2 f +3', blocks: [garbage] },
      ['misdirected@0'],
    ],
    [
      'another contract convicts garbage however little was flushed',
      { story: 'w0 +1', blocks: [garbage], contract: { unflushedContents: 'old-or-new' } },
      ['misdirected@0'],
    ],
  ]);
});

describe('a block that may show anything says nothing', () => {
  check(atomicity, [
    ['of a transaction that was not flushed', { story: 't0,1 +1', blocks: [1, 0] }, []],
    [
      'but a transaction that was flushed must be whole',
      { story: 't0,1 +1 f +2', blocks: [1, 0] },
      ['not-atomic@1'],
    ],
  ]);
  check(writeOrder, [
    [
      'of the order of what survived',
      { story: 'w0 +1 w1 +2', blocks: [garbage, 2], contract: { ordering: 'prefix' } },
      [],
    ],
  ]);
});

describe('what a contract allows is counted', () => {
  const lossesOf = (crash: CrashCase) =>
    allowedLosses(evidenceOf({ ...crash, contract: { ...writeback, ...crash.contract } }));

  it('acknowledged writes that were not flushed and are gone @req A5', () => {
    expect(lossesOf({ story: 'w0 +1 f +2 w0 +3 w1 +4', blocks: [1, 0] })).toEqual({
      acknowledgedNotDurable: 2,
      exposedBlocks: 0,
    });
  });

  it('an operation of several blocks once', () => {
    const { acknowledgedNotDurable } = lossesOf({ story: 'w0-2 +1', blocks: [0, 0, 1] });
    expect(acknowledgedNotDurable).toBe(1);
  });

  it('appended records that were not flushed and are gone', () => {
    expect(lossesOf({ story: 'a +1 a +2', log: [1] }).acknowledgedNotDurable).toBe(1);
  });

  it('blocks that show what only this contract allows', () => {
    expect(lossesOf({ story: 'w0 +1 w1 +2 w2', blocks: [garbage, 2, torn] })).toEqual({
      acknowledgedNotDurable: 1,
      exposedBlocks: 2,
    });
  });

  it('nothing of what is owed, which convicts', () => {
    const crash = { story: 'w0 +1 f +2', blocks: [0], contract: writeback };
    expect(lossesOf(crash)).toEqual({ acknowledgedNotDurable: 0, exposedBlocks: 0 });
    const judged = judge(evidenceOf(crash), [acknowledgedWrites]);
    expect(judged.violations).toHaveLength(1);
  });

  it('nothing where acknowledged is durable', () => {
    const losses = lossesOf({
      story: 'w0 +1',
      blocks: [0],
      contract: { durableWhen: 'acknowledged' },
    });
    expect(losses).toEqual({ acknowledgedNotDurable: 0, exposedBlocks: 0 });
  });
});
