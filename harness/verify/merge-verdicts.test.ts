import { expect, it } from 'vitest';
import type { Verdict, VerdictStatus } from '../contract/index.ts';
import { effectiveVerdict, exitCodeOf, mergeVerdicts } from './merge-verdicts.ts';

const verdict = (status: VerdictStatus): Verdict => ({ status, reason: `it is ${status}` });
const merged = (...statuses: VerdictStatus[]): VerdictStatus =>
  mergeVerdicts(statuses.map(verdict)).status;

it('the worst verdict wins: fail, error, inconclusive, pass', () => {
  expect(merged('pass', 'inconclusive', 'error', 'fail')).toBe('fail');
  expect(merged('pass', 'inconclusive', 'error')).toBe('error');
  expect(merged('pass', 'inconclusive')).toBe('inconclusive');
  expect(merged('pass', 'pass')).toBe('pass');
});

it('what was skipped does not spoil a pass', () => {
  expect(merged('skip', 'pass')).toBe('pass');
});

it('where everything was skipped, or nothing was there, it is no pass @req D5', () => {
  expect(merged('skip', 'skip')).toBe('inconclusive');
  expect(merged()).toBe('inconclusive');
});

it('the reason is that of the worst', () => {
  expect(mergeVerdicts([verdict('pass'), verdict('fail')]).reason).toBe('it is fail');
});

it('exit codes tell a durability failure from a verdict that could not be reached', () => {
  const statuses = ['pass', 'fail', 'inconclusive', 'error', 'skip'] as const;
  expect(statuses.map((status) => exitCodeOf(verdict(status)))).toEqual([0, 1, 4, 4, 4]);
});

const lying = { verdict: 'fail', kinds: ['lost'], why: 'the drive ignores flush' } as const;

it('a known-bad set-up that is convicted as expected counts as a pass', () => {
  const cell = { verdict: verdict('fail'), expectation: lying, expectationMet: true };
  expect(effectiveVerdict(cell).status).toBe('pass');
});

it('a known-bad set-up that is not convicted counts as a failure', () => {
  const cell = { verdict: verdict('pass'), expectation: lying, expectationMet: false };
  expect(effectiveVerdict(cell).status).toBe('fail');
});

it('a known-bad set-up that could not be judged stays inconclusive', () => {
  const cell = { verdict: verdict('inconclusive'), expectation: lying, expectationMet: false };
  expect(effectiveVerdict(cell).status).toBe('inconclusive');
});

it('an ordinary scenario counts as what it is', () => {
  const expectation = { verdict: 'pass' } as const;
  const cell = { verdict: verdict('fail'), expectation, expectationMet: false };
  expect(effectiveVerdict(cell)).toEqual(verdict('fail'));
});
