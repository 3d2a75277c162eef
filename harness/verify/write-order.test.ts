import { describe, expect, it } from 'vitest';
import type { BlockDamage } from '../contract/index.ts';
import { convictions, type CrashCase } from './story-fixture.ts';
import { writeOrder } from './write-order.ts';

const prefix = { durableWhen: 'flushed', ordering: 'prefix' } as const;
const zeroed: BlockDamage = { kind: 'zeroed' };
const corrupt: BlockDamage = { kind: 'corrupt' };

type Row = readonly [behaviour: string, crash: CrashCase, expected: readonly string[]];

describe('under a prefix contract', () => {
  it.each<Row>([
    [
      'nothing may be missing before what survived',
      { story: 'w0 +1 w1 +2', blocks: [0, 2], contract: prefix },
      ['reordered@0'],
    ],
    [
      'that holds for a survivor that was never acknowledged',
      { story: 'w0 +1 w1', blocks: [0, 2], contract: prefix },
      ['reordered@0'],
    ],
    [
      'all may be missing that comes after what survived',
      { story: 'w0 +1 w1 +2', blocks: [1, 0], contract: prefix },
      [],
    ],
    ['all may be missing', { story: 'w0 +1 w1 +2', blocks: [0, 0], contract: prefix }, []],
    [
      'one that overlapped the survivor may be missing',
      { story: 'w0 w1 +1 +2', blocks: [0, 2], contract: prefix },
      [],
    ],
    [
      'one that was not acknowledged may be missing (control C8)',
      { story: 'w0 w1 +2', blocks: [0, 2], contract: prefix },
      [],
    ],
    [
      'one that was legally overwritten is not missing',
      { story: 'w0 +1 w0 w1', blocks: [2, 3], contract: prefix },
      [],
    ],
    [
      'an older version must not show beneath the survivor',
      { story: 'w0 +1 w0 +2 w1', blocks: [1, 3], contract: prefix },
      ['reordered@0'],
    ],
    [
      'zeros are a hole',
      { story: 'w0 +1 w1', blocks: [zeroed, 2], contract: prefix },
      ['reordered@0'],
    ],
    [
      'other damage says nothing of order',
      { story: 'w0 +1 w1', blocks: [corrupt, 2], contract: prefix },
      [],
    ],
    ['a recovery begins anew', { story: 'w0 +1 ! R0,0 w1', blocks: [0, 2], contract: prefix }, []],
    [
      'what follows a recovery is in order too',
      { story: 'w0 ! R1,0,0 w1 +2 w2', blocks: [1, 0, 3], contract: prefix },
      ['reordered@1'],
    ],
    [
      'a record that survived needs the records before it',
      { story: 'a +1 a', log: [2], contract: prefix },
      ['reordered@log'],
    ],
    [
      'a record that survived needs the blocks before it',
      { story: 'w0 +1 a', blocks: [0], log: [2], contract: prefix },
      ['reordered@0'],
    ],
    [
      'a block that survived needs the records before it',
      { story: 'a +1 w0', blocks: [2], log: [], contract: prefix },
      ['reordered@log'],
    ],
    [
      'a hole shows even where everything acknowledged is owed',
      { story: 'w0 +1 w1 +2', blocks: [0, 2], contract: { ordering: 'prefix' } },
      ['reordered@0'],
    ],
  ])('%s', (_behaviour, crash, expected) => {
    expect(convictions(writeOrder, crash)).toEqual(expected);
  });
});

describe('without ordering', () => {
  it('what was acknowledged and not flushed may be missing anywhere', () => {
    const contract = { durableWhen: 'flushed' } as const;
    const crash = { story: 'w0 +1 w1 +2', blocks: [0, 2], contract };
    expect(convictions(writeOrder, crash)).toEqual([]);
  });
});

describe('the order of the log', () => {
  it.each<Row>([
    ['follows real time', { story: 'a +1 a +2', log: [1, 2] }, []],
    ['must not run against real time', { story: 'a +1 a +2', log: [2, 1] }, ['reordered@log']],
    ['is free between records that overlapped', { story: 'a a +1 +2', log: [2, 1] }, []],
    ['is free for a record that failed', { story: 'a ?1 a +2', log: [2, 1] }, []],
    [
      'is judged against all earlier records, not only the one before',
      { story: 'a +1 a a +3 +2', log: [3, 2, 1] },
      ['reordered@log'],
    ],
    ['has each record once', { story: 'a +1', log: [1, 1] }, ['reordered@log']],
    ['stays as a recovery served it', { story: 'a a +1 +2 ! R|2,1', log: [2, 1] }, []],
    [
      'must not change after a recovery',
      { story: 'a a +1 +2 ! R|2,1', log: [1, 2] },
      ['reordered@log'],
    ],
    [
      'has newer records behind those that a recovery served',
      { story: 'a ! R|1 a', log: [2, 1] },
      ['reordered@log'],
    ],
  ])('%s', (_behaviour, crash, expected) => {
    expect(convictions(writeOrder, crash)).toEqual(expected);
  });
});
