import { describe, expect, it } from 'vitest';
import type {
  BlockDamage,
  FaultPromise,
  RecoveredState,
  RefusalReason,
} from '../contract/index.ts';
import { builtInVerifiers } from './built-in-verifiers.ts';
import { judge } from './judge.ts';
import { evidenceOf, type CrashCase } from './story-fixture.ts';

const unreadable: BlockDamage = { kind: 'unreadable', reason: 'corrupt', message: 'bad page' };
const detects: FaultPromise = { level: 'detects', citation: 'the test' };
const nothing: FaultPromise = { level: 'nothing', citation: 'the test' };
const notCarried: FaultPromise = { level: 'detects', except: 'not-carried', citation: 'the test' };

interface Expected {
  readonly convicts: readonly string[];
  readonly excuses: readonly string[];
  readonly detected?: boolean;
}

type Row = readonly [behaviour: string, crash: CrashCase, expected: Expected];

function check(rows: readonly Row[]): void {
  it.each(rows)('%s', (_behaviour, crash, { convicts, excuses, detected = false }) => {
    const judgement = judge(evidenceOf(crash), builtInVerifiers);
    expect({
      convicts: judgement.violations.map(({ kind }) => kind),
      excuses: judgement.excused.map(({ kind }) => kind),
      detected: judgement.detected,
    }).toEqual({ convicts, excuses, detected });
  });
}

function refusedWith(reason: RefusalReason | 'crashed' | 'hung'): RecoveredState {
  return { opened: false, reason, message: 'no', recoveryRequests: 1 };
}

describe('under survives', () => {
  check([
    ['an intact state is intact', { story: 'w0 +1', blocks: [1] }, { convicts: [], excuses: [] }],
    ['a loss convicts', { story: 'w0 +1', blocks: [0] }, { convicts: ['lost'], excuses: [] }],
    [
      'a refusal to open convicts',
      { story: 'w0 +1', recovered: refusedWith('corrupt') },
      { convicts: ['recovery-failed'], excuses: [], detected: true },
    ],
    [
      'a refusal to read convicts',
      { story: 'w0 +1', blocks: [unreadable] },
      { convicts: ['lost'], excuses: [], detected: true },
    ],
    [
      'a broken invariant convicts',
      { story: 't0,1 +1', blocks: [1, 1], invariantBroken: 'money is missing' },
      { convicts: ['invariant'], excuses: [] },
    ],
  ]);
});

describe('under detects', () => {
  check([
    [
      'a refusal to open is detection',
      { story: 'w0 +1', recovered: refusedWith('corrupt'), promise: detects },
      { convicts: [], excuses: ['recovery-failed'], detected: true },
    ],
    [
      'so is a superblock that is not known any more',
      { story: 'w0 +1', recovered: refusedWith('not-formatted'), promise: detects },
      { convicts: [], excuses: ['recovery-failed'], detected: true },
    ],
    [
      'so is giving up on a device error',
      { story: 'w0 +1', recovered: refusedWith('device-error'), promise: detects },
      { convicts: [], excuses: ['recovery-failed'], detected: true },
    ],
    [
      'a crash of the engine is not',
      { story: 'w0 +1', recovered: refusedWith('crashed'), promise: detects },
      { convicts: ['recovery-failed'], excuses: [] },
    ],
    [
      'a recovery that hangs is not',
      { story: 'w0 +1', recovered: refusedWith('hung'), promise: detects },
      { convicts: ['recovery-failed'], excuses: [] },
    ],
    [
      'a full log is not',
      { story: 'w0 +1', recovered: refusedWith('full'), promise: detects },
      { convicts: ['recovery-failed'], excuses: [] },
    ],
    [
      'a refusal to read is detection',
      { story: 'w0 +1', blocks: [unreadable], promise: detects },
      { convicts: [], excuses: ['lost'], detected: true },
    ],
    [
      'an older version served as good convicts',
      { story: 'w0 +1 w0 +2', blocks: [1], promise: detects },
      { convicts: ['lost'], excuses: [] },
    ],
    [
      'one block refused does not excuse another served wrong',
      { story: 'w0-1 +1', blocks: [unreadable, 0], promise: detects },
      { convicts: ['lost'], excuses: ['lost'], detected: true },
    ],
    [
      'damaged data served as good convicts',
      { story: 'w0 +1', blocks: [{ kind: 'corrupt' }], promise: detects },
      { convicts: ['corrupt'], excuses: [] },
    ],
    [
      'an invariant is not judged over blocks that were refused',
      {
        story: 't0,1 +1',
        blocks: [1, unreadable],
        invariantBroken: 'money is missing',
        promise: detects,
      },
      { convicts: [], excuses: ['lost'], detected: true },
    ],
  ]);
});

describe('under nothing', () => {
  check([
    [
      'loss is reported and does not convict',
      { story: 'w0 +1', blocks: [0], promise: nothing },
      { convicts: [], excuses: ['lost'] },
    ],
    [
      'even a crash of the engine does not',
      { story: 'w0 +1', recovered: refusedWith('crashed'), promise: nothing },
      { convicts: [], excuses: ['recovery-failed'] },
    ],
  ]);
});

describe('except what was not carried', () => {
  const prefix = { ordering: 'prefix' } as const;
  check([
    [
      'the last acknowledged write may vanish',
      { story: 'w0 +1 w0 +2', blocks: [1], promise: notCarried },
      { convicts: [], excuses: ['lost'] },
    ],
    [
      'one that overlapped the last may vanish',
      { story: 'w0 w1 +1 +2', blocks: [0, 2], promise: notCarried },
      { convicts: [], excuses: ['lost'] },
    ],
    [
      'one must not vanish once a later operation was acknowledged',
      { story: 'w0 +1 w1 +2', blocks: [0, 2], promise: notCarried },
      { convicts: ['lost'], excuses: [] },
    ],
    [
      'a later flush that was acknowledged carries it',
      { story: 'w0 +1 f +2', blocks: [0], promise: notCarried },
      { convicts: ['lost'], excuses: [] },
    ],
    [
      'a later operation that was not acknowledged does not',
      { story: 'w0 +1 w1', blocks: [0, 0], promise: notCarried },
      { convicts: [], excuses: ['lost'] },
    ],
    [
      'an acknowledgement after the window does not',
      { story: 'w0 +1 w1 +2', blocks: [0, 0], window: { first: 3, last: 3 }, promise: notCarried },
      { convicts: [], excuses: ['lost'] },
    ],
    [
      'of two that vanished from a block each must be excused',
      { story: 'w0 +1 w0 +2', blocks: [0], promise: notCarried },
      { convicts: ['lost'], excuses: [] },
    ],
    [
      'a hole that the loss leaves convicts under a prefix contract',
      { story: 'w0 +1 w1', blocks: [0, 2], contract: prefix, promise: notCarried },
      { convicts: ['reordered'], excuses: ['lost'] },
    ],
    [
      'a record of the log may vanish likewise',
      { story: 'a +1', log: [], promise: notCarried },
      { convicts: [], excuses: ['lost'] },
    ],
    [
      'what a recovery served must not vanish',
      { story: 'w0 +1 ! R1', blocks: [0], promise: notCarried },
      { convicts: ['lost'], excuses: [] },
    ],
    [
      'damage served as good is not excused',
      { story: 'w0 +1', blocks: [{ kind: 'corrupt' }], promise: notCarried },
      { convicts: ['corrupt'], excuses: [] },
    ],
  ]);
});
