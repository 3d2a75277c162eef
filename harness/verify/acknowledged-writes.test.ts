import { describe, expect, it } from 'vitest';
import type { BlockDamage } from '../contract/index.ts';
import { acknowledgedWrites } from './acknowledged-writes.ts';
import { convictions, evidenceOf, type CrashCase } from './story-fixture.ts';

const stamp = { seed: 1, block: 9, op: 1, writer: 0, epoch: 1, value: 0 };
const zeroed: BlockDamage = { kind: 'zeroed' };
const corrupt: BlockDamage = { kind: 'corrupt' };
const torn: BlockDamage = { kind: 'torn', sectorOps: [2, 2, 1, 0] };
const misdirected: BlockDamage = { kind: 'misdirected', stamp };
const unreadable: BlockDamage = { kind: 'unreadable', reason: 'corrupt', message: 'bad page' };
const flushed = { durableWhen: 'flushed' } as const;

type Row = readonly [behaviour: string, crash: CrashCase, expected: readonly string[]];

function check(rows: readonly Row[]): void {
  it.each(rows)('%s', (_behaviour, crash, expected) => {
    expect(convictions(acknowledgedWrites, crash)).toEqual(expected);
  });
}

describe('an acknowledged write @req K4', () => {
  check([
    ['is there', { story: 'w0 +1', blocks: [1] }, []],
    [
      'is lost when the block shows what was before the run',
      { story: 'w0 +1', blocks: [0] },
      ['lost@0'],
    ],
    [
      'is lost when the block shows the version before it',
      { story: 'w0 +1 w0 +2', blocks: [1] },
      ['lost@0'],
    ],
    [
      'leaves a stale block when one that it overwrote was overwritten too',
      { story: 'w0 +1 w0 +2 w0 +3', blocks: [1] },
      ['stale@0'],
    ],
    [
      'is lost with another that overlapped it',
      { story: 'w0 +1 w0 w0 +2 +3', blocks: [1] },
      ['lost@0'],
    ],
    [
      'may be hidden by a later one that was never acknowledged',
      { story: 'w0 +1 w0', blocks: [2] },
      [],
    ],
    [
      'is lost in the one block of several that misses it',
      { story: 'w0-2 +1', blocks: [1, 0, 1] },
      ['lost@1'],
    ],
    ['is zeroed when its block reads as zeros', { story: 'w0 +1', blocks: [zeroed] }, ['zeroed@0']],
    [
      'may be seen in another block only if it changed it',
      { story: 'w0 +1 w1 +2', blocks: [1, 1] },
      ['corrupt@1'],
    ],
  ]);

  it('is named first, with the version that was found in its place', () => {
    const [violation] = acknowledgedWrites.verify(
      evidenceOf({ story: 'w0 +1 w0 +2', blocks: [1] }),
    );
    expect(violation).toMatchObject({ ops: [2, 1], position: 4 });
    expect(violation?.expected).toContain(
      'operation 2 (write of block 0, acknowledged at position 4)',
    );
  });
});

describe('a write that was not acknowledged', () => {
  check([
    ['may survive (control C1)', { story: 'w0 +1 w0', blocks: [2] }, []],
    ['may be absent', { story: 'w0 +1 w0', blocks: [1] }, []],
    ['may leave what was before the run', { story: 'w0', blocks: [0] }, []],
    [
      'may be in some of its blocks and not in others (control C2)',
      { story: 'w0-3', blocks: [1, 0, 0, 1] },
      [],
    ],
    ['may appear though it failed (control C3)', { story: 'w0 +1 w0 ?2', blocks: [2] }, []],
    [
      'may take effect after a later one was acknowledged',
      { story: 'w0 ?1 w0 +2', blocks: [1] },
      [],
    ],
    [
      'may be lost to another that overlapped it, either way (control C6)',
      { story: 'w0 w0', blocks: [1] },
      [],
    ],
    ['may win over another that overlapped it (control C6)', { story: 'w0 w0', blocks: [2] }, []],
    [
      'may be there while an earlier one that was not acknowledged is absent (control C8)',
      { story: 'w0 w1', blocks: [0, 2] },
      [],
    ],
    [
      'may leave a block zeroed that held nothing acknowledged (control C7)',
      { story: 'w0', blocks: [zeroed] },
      [],
    ],
    [
      'may leave a block unreadable that held nothing acknowledged',
      { story: 'w0', blocks: [unreadable] },
      [],
    ],
    ['must not be torn within a block', { story: 'w0 +1 w0', blocks: [torn] }, ['torn@0']],
    [
      'must not show before it was invoked',
      { story: 'w0 w0', blocks: [2], window: { first: 1, last: 2 } },
      ['corrupt@0'],
    ],
  ]);
});

describe('two acknowledged writes that overlapped', () => {
  check([
    ['may leave the first', { story: 'w0 w0 +1 +2', blocks: [1] }, []],
    ['may leave the second', { story: 'w0 w0 +1 +2', blocks: [2] }, []],
    [
      'must not leave what was before both',
      { story: 'w0 +1 w0 w0 +2 +3', blocks: [1] },
      ['lost@0'],
    ],
    [
      'do not overlap once one ended before the other began',
      { story: 'w0 w0 +1 w0 +2 +3', blocks: [1] },
      ['lost@0'],
    ],
  ]);
});

describe('a rejected write', () => {
  check([
    ['must not be seen', { story: 'w0 +1 w0 -2', blocks: [2] }, ['resurrected@0']],
    ['leaves the version before it', { story: 'w0 +1 w0 -2', blocks: [1] }, []],
    [
      'may be seen by a crash that came before the rejection',
      { story: 'w0 +1 w0 -2', blocks: [2], window: { first: 3, last: 3 } },
      [],
    ],
    [
      'must not be seen by a crash that can have come after it',
      { story: 'w0 +1 w0 -2', blocks: [2], window: { first: 3, last: 4 } },
      ['resurrected@0'],
    ],
    [
      'is of unknown outcome where the answer came after the cut',
      { story: 'w0 +1 w0 ! -2', blocks: [2] },
      [],
    ],
  ]);
});

describe('a crash state that several positions can have left', () => {
  check([
    [
      'must hold what was acknowledged by the last of them',
      { story: 'w0 +1 w0 +2', blocks: [1], window: { first: 3, last: 4 } },
      ['lost@0'],
    ],
    [
      'need not hold what was acknowledged after them',
      { story: 'w0 +1 w0 +2', blocks: [1], window: { first: 3, last: 3 } },
      [],
    ],
    [
      'cannot hold what was invoked after the first of them',
      { story: 'w0 +1 w0 +2', blocks: [2], window: { first: 2, last: 4 } },
      ['corrupt@0'],
    ],
  ]);
});

describe('damage', () => {
  check([
    ['to a checksum always convicts', { story: 'w0', blocks: [corrupt] }, ['corrupt@0']],
    ['by another block always convicts', { story: 'w0', blocks: [misdirected] }, ['misdirected@0']],
    [
      'by mixing sectors convicts an acknowledged write',
      { story: 'w0 +1 w0 +2', blocks: [torn] },
      ['torn@0'],
    ],
    [
      'that makes an acknowledged block unreadable loses it',
      { story: 'w0 +1', blocks: [unreadable] },
      ['lost@0'],
    ],
    [
      'of an operation that the ledger does not have is corruption',
      { story: 'w0', blocks: [7] },
      ['corrupt@0'],
    ],
  ]);
});

describe('where only a flush makes durable', () => {
  check([
    ['an acknowledged write may be lost', { story: 'w0 +1', blocks: [0], contract: flushed }, []],
    [
      'a write acknowledged before the flush began must be there',
      { story: 'w0 +1 f +2', blocks: [0], contract: flushed },
      ['lost@0'],
    ],
    [
      'a write that the flush overlapped may be lost',
      { story: 'w0 f +1 +2', blocks: [0], contract: flushed },
      [],
    ],
    [
      'a flush that was not acknowledged promises nothing',
      { story: 'w0 +1 f ?2', blocks: [0], contract: flushed },
      [],
    ],
    [
      'a later flush that ended first covers as well',
      {
        story: 'w0 +1 f f +3 +2',
        blocks: [0],
        contract: flushed,
        window: { first: 5, last: 5 },
      },
      ['lost@0'],
    ],
    [
      'a later flush may be the first to end',
      { story: 'w0 +1 f f +3', blocks: [0], contract: flushed },
      ['lost@0'],
    ],
    [
      'an unflushed version may have been overwritten',
      { story: 'w0 +1 f +2 w0 +3', blocks: [3], contract: flushed },
      [],
    ],
    [
      'the flushed version may show instead of the unflushed one',
      { story: 'w0 +1 f +2 w0 +3', blocks: [1], contract: flushed },
      [],
    ],
    [
      'versions still keep their order',
      { story: 'w0 +1 w0 +2 f +3', blocks: [1], contract: flushed },
      ['lost@0'],
    ],
    [
      'a flush after the next power-up covers nothing older',
      { story: 'w0 +1 ! R-1 f +2', blocks: [0], contract: flushed },
      [],
    ],
  ]);
});

describe('after power was cut', () => {
  check([
    ['an acknowledgement is void (control C4)', { story: 'w0 ! +1', blocks: [0] }, []],
    [
      'an acknowledgement given in the next epoch is void',
      { story: 'w0 ! R0 +1', blocks: [0] },
      [],
    ],
    ['what was acknowledged before still counts', { story: 'w0 +1 !', blocks: [0] }, ['lost@0']],
  ]);
});

describe('after a recovery', () => {
  check([
    ['what it served must stay', { story: 'w0 ! R1', blocks: [0] }, ['lost@0']],
    ['what it served may stay', { story: 'w0 ! R1', blocks: [1] }, []],
    [
      'what it served must not go back to an older version',
      { story: 'w0 +1 w0 ! R2', blocks: [1] },
      ['lost@0'],
    ],
    [
      'what it did not serve must not come back',
      { story: 'w0 +1 w0 ! R1', blocks: [2] },
      ['resurrected@0'],
    ],
    [
      'a first version that it did not serve must not come back',
      { story: 'w0 ! R0', blocks: [1] },
      ['resurrected@0'],
    ],
    ['what it served may be overwritten', { story: 'w0 ! R1 w0', blocks: [2] }, []],
    [
      'what it served must be overwritten by what is acknowledged',
      { story: 'w0 ! R1 w0 +2', blocks: [1] },
      ['lost@0'],
    ],
    [
      'an old version must not come back instead of a new one',
      { story: 'w0 +1 w0 ! R1 w0 +3', blocks: [2] },
      ['resurrected@0'],
    ],
    ['what it served must not become zeros', { story: 'w0 ! R1', blocks: [zeroed] }, ['zeroed@0']],
    [
      'loss that it already showed is not held against it again',
      { story: 'w0 +1 ! R0', blocks: [0] },
      [],
    ],
    [
      'nothing is known of a block that was not whole: an older version may show',
      { story: 'w0 +1 w0 ! R-1', blocks: [2] },
      [],
    ],
    [
      'a block that was not whole still owes what was acknowledged',
      { story: 'w0 +1 ! R-1', blocks: [0] },
      ['lost@0'],
    ],
    [
      'a state of before its end need not agree with it',
      { story: 'w0 ! R1', blocks: [0], window: { first: 2, last: 2 } },
      [],
    ],
    [
      'an unsettled operation of before cannot take effect any more',
      { story: 'w0 ! R1 w0 +2', blocks: [1] },
      ['lost@0'],
    ],
    ['only the last recovery counts', { story: 'w0 ! R1 w0 ! R2', blocks: [2] }, []],
    [
      'the last recovery counts against the one before',
      { story: 'w0 ! R1 w0 ! R2', blocks: [1] },
      ['lost@0'],
    ],
  ]);
});

describe('evidence that misses a block', () => {
  it('is refused, never passed @req D5', () => {
    const evidence = evidenceOf({ story: 'w0 w1 +1 +2', blocks: [1] });
    expect(() => acknowledgedWrites.verify(evidence)).toThrow(/block 1 was not read back/);
  });
});
