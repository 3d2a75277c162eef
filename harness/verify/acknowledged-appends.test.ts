import { expect, it, describe } from 'vitest';
import type { BlockDamage } from '../contract/index.ts';
import { acknowledgedAppends } from './acknowledged-appends.ts';
import { convictions, type CrashCase } from './story-fixture.ts';

const torn: BlockDamage = { kind: 'torn', sectorOps: [1, 2] };
const corrupt: BlockDamage = { kind: 'corrupt' };
const flushed = { durableWhen: 'flushed' } as const;

type Row = readonly [behaviour: string, crash: CrashCase, expected: readonly string[]];

describe('the log of appended records', () => {
  it.each<Row>([
    ['holds what was acknowledged', { story: 'a a +1 +2', log: [1, 2] }, []],
    ['must not miss what was acknowledged', { story: 'a a +1 +2', log: [1] }, ['lost@log']],
    ['may miss what was not acknowledged', { story: 'a a +1', log: [1] }, []],
    ['may hold what was not acknowledged (control C1)', { story: 'a a +1', log: [1, 2] }, []],
    ['may hold what failed (control C3)', { story: 'a ?1', log: [1] }, []],
    ['must not hold what was rejected', { story: 'a -1', log: [1] }, ['resurrected@log']],
    [
      'must not hold what had not been invoked',
      { story: 'a a', log: [1, 2], window: { first: 1, last: 2 } },
      ['corrupt@log'],
    ],
    ['must not hold what is no append', { story: 'w0 a', log: [1] }, ['corrupt@log']],
    ['must not hold what is not of this run', { story: 'a', log: [0] }, ['corrupt@log']],
    ['must not hold half a record, acknowledged or not', { story: 'a', log: [torn] }, ['torn@log']],
    [
      'must not hold a damaged record instead of an acknowledged one',
      { story: 'a +1', log: [corrupt] },
      ['corrupt@log', 'lost@log'],
    ],
    [
      'owes only what was flushed where only a flush makes durable',
      { story: 'a +1 f +2 a +3', log: [1], contract: flushed },
      [],
    ],
    [
      'owes what was flushed where only a flush makes durable',
      { story: 'a +1 f +2 a +3', log: [3], contract: flushed },
      ['lost@log'],
    ],
    ['keeps what a recovery served', { story: 'a ! R|1', log: [] }, ['lost@log']],
    [
      'does not bring back what a recovery did not serve',
      { story: 'a ! R| a +2', log: [1, 2] },
      ['resurrected@log'],
    ],
    ['goes on after a recovery', { story: 'a +1 a ! R|1 a +3', log: [1, 3] }, []],
    ['does not owe again what a recovery had already lost', { story: 'a +1 ! R|', log: [] }, []],
    [
      'owes what was acknowledged where a recovery served damage',
      { story: 'a +1 a ! R|-1', log: [2] },
      ['lost@log'],
    ],
    [
      'owes nothing for an acknowledgement after the cut (control C4)',
      { story: 'a ! +1', log: [] },
      [],
    ],
  ])('%s', (_behaviour, crash, expected) => {
    expect(convictions(acknowledgedAppends, crash)).toEqual(expected);
  });
});
