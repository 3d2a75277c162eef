import { describe, expect, it } from 'vitest';
import type { CellCounts, Expectation, FaultPromise, ViolationKind } from '../contract/index.ts';
import { decideVerdict, meetsExpectation, type CellEvidence } from './decide-verdict.ts';

const counts: CellCounts = {
  rounds: 1,
  opsInvoked: 10,
  opsAcknowledged: 8,
  opsRejected: 1,
  opsIndeterminate: 1,
  statesJudged: 100,
  imagesRecovered: 90,
  nestedStates: 10,
  statesDetected: 0,
  violations: 0,
  acknowledgedNotDurable: 0,
  exposedBlocks: 0,
};
const survives: FaultPromise = { level: 'survives', citation: 'the test' };
const nothing: FaultPromise = { level: 'nothing', citation: 'the test' };
const clean: CellEvidence = {
  counts,
  changesAcknowledged: 8,
  kinds: new Map(),
  excused: 0,
  unprovoked: 0,
  promise: survives,
  silentFaults: [],
  gaps: [],
};
const lost = new Map<ViolationKind, number>([['lost', 3]]);

describe('the verdict of a cell', () => {
  it.each<[string, Partial<CellEvidence>, string, RegExp]>([
    ['complete evidence and no violation', {}, 'pass', /^8 acknowledged operations, 100 crash/],
    [
      'refusals that the promise allows',
      { promise: { ...survives, level: 'detects' } },
      'pass',
      /8/,
    ],
    ['a violation', { kinds: lost }, 'fail', /^3 × lost in 100 crash states$/],
    [
      'a violation before any fault',
      { kinds: lost, unprovoked: 1 },
      'fail',
      /1 of them before any/,
    ],
    ['a violation, out of time', { kinds: lost, gaps: ['out of time'] }, 'fail', /3 × lost/],
    ['a violation, a silent fault', { kinds: lost, silentFaults: ['bit-rot'] }, 'fail', /3 × lost/],
    [
      'a fault that never fired',
      { silentFaults: ['bit-rot'] },
      'inconclusive',
      /bit-rot never fired/,
    ],
    ['out of time', { gaps: ['out of time after 9 ms'] }, 'inconclusive', /out of time after 9 ms/],
    ['several gaps', { gaps: ['one', 'two'] }, 'inconclusive', /^one; two$/],
    [
      'nothing acknowledged',
      { changesAcknowledged: 0 },
      'inconclusive',
      /no change was acknowledged/,
    ],
    [
      'no state judged',
      { counts: { ...counts, statesJudged: 0 } },
      'inconclusive',
      /no crash state was judged/,
    ],
    [
      'losses where nothing is promised',
      { promise: nothing, excused: 2 },
      'inconclusive',
      /2 violations, but the engine promises nothing here/,
    ],
    ['no losses where nothing is promised', { promise: nothing }, 'pass', /8 acknowledged/],
    [
      'losses that the promise excepts',
      { excused: 2 },
      'pass',
      /2 losses that its promise excepts/,
    ],
    [
      'losses of what was not flushed (@req A5)',
      { counts: { ...counts, acknowledgedNotDurable: 7 } },
      'pass',
      /judged, 7 losses of what was acknowledged and not flushed$/,
    ],
    [
      'blocks exposed by leave of the contract (@req B9)',
      { counts: { ...counts, acknowledgedNotDurable: 1, exposedBlocks: 1 } },
      'pass',
      /judged, 1 loss of what was acknowledged and not flushed, 1 exposed block$/,
    ],
    [
      'one of each',
      { counts: { ...counts, opsAcknowledged: 1, statesJudged: 1 }, excused: 1 },
      'pass',
      /^1 acknowledged operation, 1 crash state judged, 1 loss that its promise excepts$/,
    ],
  ])('with %s', (_what, changes, status, reason) => {
    const verdict = decideVerdict({ ...clean, ...changes });
    expect(verdict.status).toBe(status);
    expect(verdict.reason).toMatch(reason);
  });
});

describe('the expectation of a scenario', () => {
  const toPass: Expectation = { verdict: 'pass' };
  const toFail: Expectation = { verdict: 'fail', kinds: ['lost', 'stale'], why: 'a known bug' };

  it.each<[string, Expectation, Partial<CellEvidence>, boolean]>([
    ['pass, and it passes', toPass, {}, true],
    ['pass, and it fails', toPass, { kinds: lost }, false],
    ['pass, and it is unclear', toPass, { gaps: ['out of time'] }, false],
    ['failure, and it fails so', toFail, { kinds: lost }, true],
    ['failure, and it passes', toFail, {}, false],
    ['failure, and it is unclear', toFail, { gaps: ['out of time'] }, false],
    ['failure, and it fails otherwise', toFail, { kinds: new Map([['torn', 1]]) }, false],
    [
      'failure, and it fails otherwise too',
      toFail,
      { kinds: new Map([...lost, ['torn', 1]]) },
      false,
    ],
    [
      'failure, but it failed without the fault',
      toFail,
      { kinds: lost, silentFaults: ['x'] },
      false,
    ],
    ['failure, but it failed before the fault', toFail, { kinds: lost, unprovoked: 1 }, false],
  ])('of %s', (_what, expectation, changes, met) => {
    const evidence = { ...clean, ...changes };
    expect(meetsExpectation(expectation, decideVerdict(evidence), evidence)).toBe(met);
  });
});
