import { describe, expect, it } from 'vitest';
import type { BlockDamage } from '../contract/index.ts';
import { atomicity } from './atomicity.ts';
import { convictions, type CrashCase } from './story-fixture.ts';

const byOperation = { atomicUnit: 'operation' } as const;
const zeroed: BlockDamage = { kind: 'zeroed' };
const corrupt: BlockDamage = { kind: 'corrupt' };

type Row = readonly [behaviour: string, crash: CrashCase, expected: readonly string[]];

describe('a transaction @req B1', () => {
  it.each<Row>([
    ['may be there whole', { story: 't0,1', blocks: [1, 1] }, []],
    ['may be absent whole', { story: 't0,1', blocks: [0, 0] }, []],
    ['must not be there in half', { story: 't0,1', blocks: [1, 0] }, ['not-atomic@1']],
    [
      'must not be there in half over zeros',
      { story: 't0,1', blocks: [zeroed, 1] },
      ['not-atomic@0'],
    ],
    [
      'must not be there in half over an older version',
      { story: 'w1 +1 t0,1', blocks: [2, 1] },
      ['not-atomic@1'],
    ],
    [
      'may be overwritten in one block by a later operation',
      { story: 't0,1 +1 w1', blocks: [1, 2] },
      [],
    ],
    ['may be overwritten by one that overlapped it', { story: 't0,1 w1', blocks: [1, 2] }, []],
    ['may be overwritten late by one that failed', { story: 'w1 ?1 t0,1 +2', blocks: [2, 1] }, []],
    ['may be overwritten whole', { story: 't0,1 +1 t0,1 +2', blocks: [2, 2] }, []],
    [
      'says nothing of a block that is damaged otherwise',
      { story: 't0,1', blocks: [1, corrupt] },
      [],
    ],
    [
      'must not overwrite another in one block and be overwritten in the other',
      { story: 't0,1 t0,1', blocks: [1, 2] },
      ['not-atomic@volume'],
    ],
    [
      'must not be part of a longer circle',
      { story: 't0,1 t1,2 t0,2', blocks: [1, 2, 3] },
      ['not-atomic@volume'],
    ],
    ['may be one of a chain', { story: 't0,1 t1,2 t2,3', blocks: [1, 2, 3, 3] }, []],
    [
      'must not come before one that ended before something it overwrote began',
      // Operation 3 overwrote 4 in block 1, so it came after 4 began, when 2 had long ended; yet in
      // block 0 it was 2 that overwrote 3.
      { story: 't0,3 w0 t0,1 +2 w1 +4', blocks: [2, 3, 0, 0] },
      ['not-atomic@volume'],
    ],
    [
      'must not come before one that ended before something began that survived with its follower',
      // 4 survived, so 3 did too, though it was not flushed; 1 overwrote it in block 0, and so came
      // after 2 had ended; yet in block 1 it was 2 that overwrote 1.
      {
        story: 't0,1 w1 +2 w0 +3 w2',
        blocks: [1, 2, 4],
        contract: { durableWhen: 'flushed', ordering: 'prefix' },
      },
      ['not-atomic@volume'],
    ],
    [
      'was judged by its recovery if it is older than that',
      { story: 't0,1 ! R1,0', blocks: [1, 0] },
      [],
    ],
    [
      'must not be there in half after a recovery',
      { story: 'w0 ! R1,0 t0,1', blocks: [1, 2] },
      ['not-atomic@0'],
    ],
  ])('%s', (_behaviour, crash, expected) => {
    expect(convictions(atomicity, crash)).toEqual(expected);
  });
});

describe('a write of several blocks', () => {
  it.each<Row>([
    [
      'may be there in half where blocks are the atomic unit (control C2)',
      { story: 'w0-1', blocks: [1, 0] },
      [],
    ],
    [
      'must not be there in half where operations are',
      { story: 'w0-1', blocks: [1, 0], contract: byOperation },
      ['not-atomic@1'],
    ],
    [
      'of one block cannot be there in half',
      { story: 'w0', blocks: [1], contract: byOperation },
      [],
    ],
  ])('%s', (_behaviour, crash, expected) => {
    expect(convictions(atomicity, crash)).toEqual(expected);
  });
});
