import type { Expectation, Verdict, VerdictStatus } from '../contract/index.ts';

/** The worst first; `skip` says nothing and is left out. */
const worstFirst: readonly VerdictStatus[] = ['fail', 'error', 'inconclusive', 'pass'];

/**
 * The verdict over several: the worst of them, with the reasons of the worst. Where nothing was
 * judged, because all was skipped or there was nothing, that is no pass.
 */
export function mergeVerdicts(verdicts: readonly Verdict[]): Verdict {
  const judged = verdicts.filter(({ status }) => status !== 'skip');
  if (judged.length === 0) return { status: 'inconclusive', reason: reasonForNone(verdicts) };
  const status = worstFirst.find((worst) => judged.some((verdict) => verdict.status === worst))!;
  const reasons = judged.filter((verdict) => verdict.status === status).map(({ reason }) => reason);
  return { status, reason: joinReasons(reasons) };
}

function reasonForNone(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return 'nothing was judged';
  return `everything was skipped: ${joinReasons(verdicts.map(({ reason }) => reason))}`;
}

function joinReasons(reasons: readonly string[]): string {
  const [first = '', ...others] = [...new Set(reasons)];
  return others.length === 0 ? first : `${first} (and ${others.length} more)`;
}

/**
 * What a scenario's result counts as: a known-bad set-up that was convicted as expected counts as a
 * pass, one that was not convicted means that the harness missed it.
 */
export function effectiveVerdict(cell: {
  readonly verdict: Verdict;
  readonly expectation: Expectation;
  readonly expectationMet: boolean;
}): Verdict {
  const { verdict, expectation, expectationMet } = cell;
  if (expectation.verdict === 'pass') return verdict;
  if (verdict.status !== 'fail' && verdict.status !== 'pass') return verdict;
  const expected = `${expectation.kinds.join(' or ')} (${expectation.why})`;
  if (expectationMet) return { status: 'pass', reason: `convicted as expected: ${expected}` };
  return { status: 'fail', reason: `expected to be convicted of ${expected}; ${verdict.reason}` };
}

/** Exit codes of ARCHITECTURE rule 5: 0 pass, 1 durability failure, 4 inconclusive or error. */
export function exitCodeOf(verdict: Verdict): number {
  switch (verdict.status) {
    case 'pass':
      return 0;
    case 'fail':
      return 1;
    case 'error':
    case 'inconclusive':
    case 'skip':
      return 4;
  }
}
