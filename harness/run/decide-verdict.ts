import {
  nounFor,
  type CellCounts,
  type Expectation,
  type FaultPromise,
  type Verdict,
  type ViolationKind,
} from '../contract/index.ts';

export interface CellEvidence {
  /** Acknowledged operations other than flushes. */
  readonly changesAcknowledged: number;
  readonly counts: CellCounts;
  readonly kinds: ReadonlyMap<ViolationKind, number>;
  readonly excused: number;
  /** Violations at moments when no fault of the scenario had fired that could explain them. */
  readonly unprovoked: number;
  /** The weakest promise that was in force. */
  readonly promise: FaultPromise;
  /** Names of the scenario's faults that never fired, in any round or recovery. */
  readonly silentFaults: readonly string[];
  /** Why the evidence is not complete: out of time, damaged, interrupted. */
  readonly gaps: readonly string[];
}

/**
 * The one place where a cell's verdict is decided. A conviction stands on its own evidence, whatever
 * else is missing; a pass needs all of it (REQUIREMENTS D5).
 */
export function decideVerdict(evidence: CellEvidence): Verdict {
  if (evidence.kinds.size > 0) return { status: 'fail', reason: describeViolations(evidence) };
  const doubt = reasonForDoubt(evidence);
  if (doubt !== undefined) return { status: 'inconclusive', reason: doubt };
  return { status: 'pass', reason: describePass(evidence) };
}

function reasonForDoubt(evidence: CellEvidence): string | undefined {
  const { counts, changesAcknowledged, excused, promise, silentFaults, gaps } = evidence;
  if (gaps.length > 0) return gaps.join('; ');
  if (silentFaults.length > 0) {
    return `${silentFaults.join(', ')} never fired, so nothing is known about surviving it`;
  }
  if (changesAcknowledged === 0) return 'no change was acknowledged, so none could be lost';
  if (counts.statesJudged === 0) return 'no crash state was judged';
  if (promise.level === 'nothing' && excused > 0) {
    const violations = nounFor(excused, 'violation');
    return `${excused} ${violations}, but the engine promises nothing here (${promise.citation})`;
  }
  return undefined;
}

function describeViolations({ kinds, counts, unprovoked }: CellEvidence): string {
  const parts = [...kinds].map(([kind, count]) => `${count} × ${kind}`);
  const early = unprovoked > 0 ? `, ${unprovoked} of them before any fault had fired` : '';
  return `${parts.join(', ')} in ${describeStates(counts)}${early}`;
}

function describePass({ counts, excused }: CellEvidence): string {
  const operations = nounFor(counts.opsAcknowledged, 'operation');
  const parts = [
    `${counts.opsAcknowledged} acknowledged ${operations}, ${describeStates(counts)} judged`,
  ];
  if (counts.statesDetected > 0) parts.push(`${counts.statesDetected} refused by the engine`);
  if (excused > 0)
    parts.push(`${excused} ${nounFor(excused, 'loss', 'losses')} that its promise excepts`);
  parts.push(...describeAllowed(counts));
  return parts.join(', ');
}

/** A pass says what crashes took by the contract's leave: it is no less lost for that (A5, B9). */
function describeAllowed({ acknowledgedNotDurable, exposedBlocks }: CellCounts): readonly string[] {
  const lost = `${acknowledgedNotDurable} ${nounFor(acknowledgedNotDurable, 'loss', 'losses')}`;
  const exposed = `${exposedBlocks} ${nounFor(exposedBlocks, 'exposed block')}`;
  return [
    ...(acknowledgedNotDurable > 0 ? [`${lost} of what was acknowledged and not flushed`] : []),
    ...(exposedBlocks > 0 ? [exposed] : []),
  ];
}

function describeStates({ statesJudged }: CellCounts): string {
  return `${statesJudged} crash ${nounFor(statesJudged, 'state')}`;
}

/**
 * A known-bad set-up must be convicted, of nothing but what it is known for, and because of it: what
 * went wrong before its faults had fired, or without them, is the engine's own failure.
 */
export function meetsExpectation(
  expectation: Expectation,
  verdict: Verdict,
  { kinds, unprovoked, silentFaults }: Pick<CellEvidence, 'kinds' | 'unprovoked' | 'silentFaults'>,
): boolean {
  if (expectation.verdict === 'pass') return verdict.status === 'pass';
  return (
    verdict.status === 'fail' &&
    unprovoked === 0 &&
    silentFaults.length === 0 &&
    [...kinds.keys()].every((kind) => expectation.kinds.includes(kind))
  );
}
