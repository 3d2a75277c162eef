import { describe, expect, it } from 'vitest';
import type { BlockDamage } from '../contract/index.ts';
import { recovery } from './recovery.ts';
import { convictions, openedWith, type CrashCase } from './story-fixture.ts';

const zeroed: BlockDamage = { kind: 'zeroed' };
const torn: BlockDamage = { kind: 'torn', sectorOps: [1, 0] };
const hung = { opened: false, reason: 'hung', message: 'no answer', recoveryRequests: 9 } as const;
const refused = { ...hung, reason: 'corrupt' } as const;

type Row = readonly [behaviour: string, crash: CrashCase, expected: readonly string[]];

describe('recovery', () => {
  it.each<Row>([
    ['may end with the engine open', { story: 'w0', blocks: [0] }, []],
    ['must not hang', { story: 'w0', recovered: hung }, ['recovery-failed@recovery']],
    [
      'must not end in a refusal',
      { story: 'w0', recovered: refused },
      ['recovery-failed@recovery'],
    ],
    [
      'must not take more requests than the contract bounds',
      { story: 'w0', blocks: [0], contract: { recoveryRequestsMax: 9 } },
      ['recovery-failed@recovery'],
    ],
    [
      'may take as many as the contract bounds',
      { story: 'w0', blocks: [0], contract: { recoveryRequestsMax: 10 } },
      [],
    ],
  ])('%s', (_behaviour, crash, expected) => {
    expect(convictions(recovery, crash)).toEqual(expected);
  });
});

describe('a recovery that was cut and began anew @req B12', () => {
  const story = 'w0 w1 a ! ';
  it.each<Row>([
    [
      'may serve the same',
      { story, blocks: [1, 2], log: [3], uninterrupted: openedWith({ blocks: [1, 2], log: [3] }) },
      [],
    ],
    [
      'must not serve another version of a block',
      { story, blocks: [1, 0], uninterrupted: openedWith({ blocks: [1, 2] }) },
      ['recovery-not-idempotent@1'],
    ],
    [
      'must not serve another log',
      { story, log: [], uninterrupted: openedWith({ log: [3] }) },
      ['recovery-not-idempotent@log'],
    ],
    [
      'must not mend or make damage',
      { story, blocks: [torn], uninterrupted: openedWith({ blocks: [1] }) },
      ['recovery-not-idempotent@0'],
    ],
    [
      'need not serve the same of a block that nobody had written: it need not have been read',
      { story, blocks: [1, 2, zeroed], uninterrupted: openedWith({ blocks: [1, 2, 0] }) },
      [],
    ],
    [
      'may differ where the contract does not promise it',
      {
        story,
        blocks: [0],
        uninterrupted: openedWith({ blocks: [1] }),
        contract: { recoveryIsIdempotent: false },
      },
      [],
    ],
    [
      'must open where the first did',
      { story, recovered: refused, uninterrupted: openedWith({ blocks: [1] }) },
      ['recovery-failed@recovery'],
    ],
  ])('%s', (_behaviour, crash, expected) => {
    expect(convictions(recovery, crash)).toEqual(expected);
  });
});
