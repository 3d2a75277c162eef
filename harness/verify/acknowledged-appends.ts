/**
 * The log must hold every record owed by the last position of the window, and no record that was not
 * invoked by the first, that was rejected, or that was not there at an earlier recovery. A record is
 * all-or-nothing: one that is there must be whole, acknowledged or not. The order of the records is
 * judged in write-order.ts.
 */
import {
  damaged,
  pluginApiVersion,
  type LedgerEntry,
  type OpId,
  type Verifier,
  type Violation,
  type ViolationKind,
} from '../contract/index.ts';
import { crashEvidenceOf, type CrashEvidence } from './crash-evidence.ts';
import { owedAfter } from './ledger-index.ts';
import { describeDamage, describeInitial, describeOp, describeRejection } from './wording.ts';

export const acknowledgedAppends: Verifier = {
  kind: 'verifier',
  apiVersion: pluginApiVersion,
  name: 'acknowledged-appends',
  summary: 'the log holds every acknowledged record whole, and none that must not be there',
  verify(evidence) {
    const crash = crashEvidenceOf(evidence);
    return crash === undefined ? [] : [...judgeRecords(crash), ...findMissing(crash)];
  },
};

function judgeRecords(crash: CrashEvidence): Violation[] {
  const violations: Violation[] = [];
  for (const [place, op] of crash.recovered.observed.log.entries()) {
    if (op > 0 && isLegal(crash, op)) continue;
    violations.push(op > 0 ? convict(crash, place, op) : convictDamage(crash, place, op));
  }
  return violations;
}

function isLegal(crash: CrashEvidence, op: OpId): boolean {
  const { index, window } = crash;
  const entry = index.entry(op);
  return (
    entry?.op.kind === 'append' &&
    entry.invokedAt <= window.first &&
    !(entry.outcome.status === 'rejected' && index.isRejectedBy(entry, window.last)) &&
    !isGone(crash, entry)
  );
}

/** A record older than the last recovery which that recovery did not serve. */
function isGone({ baseline, baselineAt }: CrashEvidence, entry: LedgerEntry): boolean {
  if (baseline === undefined || !baseline.isLogKnown || entry.invokedAt > baselineAt) return false;
  return baseline.placeInLog(entry.id) === undefined;
}

function convict(crash: CrashEvidence, place: number, op: OpId): Violation {
  const { index, window } = crash;
  const entry = index.entry(op);
  const violate = violationAt(crash, place, [op]);
  if (entry?.op.kind !== 'append') {
    return violate('corrupt', 'an append of the ledger', `operation ${op}, which is none`);
  }
  const found = describeOp(entry);
  if (entry.invokedAt > window.first) {
    const expected = `only operations invoked by position ${window.first}`;
    return { ...violate('corrupt', expected, found), position: window.first };
  }
  const expected = isGone(crash, entry)
    ? 'only records that the last recovery served, and newer ones'
    : `no such record: ${describeRejection(entry.settledAt)}`;
  return violate('resurrected', expected, found);
}

function convictDamage(crash: CrashEvidence, place: number, op: OpId): Violation {
  const violate = violationAt(crash, place, []);
  const expected = 'a whole record of this run';
  if (op !== damaged) return violate('corrupt', expected, describeInitial());
  const damage = crash.recovered.logDamage.get(place) ?? { kind: 'corrupt' };
  const kind = damage.kind === 'unreadable' ? 'lost' : damage.kind;
  return violate(kind, expected, describeDamage(damage));
}

function findMissing(crash: CrashEvidence): Violation[] {
  const owed = owedRecords(crash);
  if (owed.length === 0) return [];
  const { index, recovered } = crash;
  const seen = index.newOpSet();
  recovered.observed.log.forEach((op) => op > 0 && seen.add(op));
  return [...new Set(owed)]
    .filter(({ id }) => !seen.has(id))
    .map((entry) =>
      violationAt(crash, recovered.observed.log.length, [entry.id])(
        'lost',
        describeOp(entry),
        'no such record in the log',
      ),
    );
}

/** What a recovery served stands in for everything older, where all of it was whole. */
function owedRecords({ index, window, baseline }: CrashEvidence): LedgerEntry[] {
  const owedSince = baseline?.isLogKnown === true ? baseline.at : 0;
  const owed = owedAfter(index.appends.owed, window.last, owedSince);
  if (baseline === undefined) return owed;
  return [...[...baseline.log].flatMap((op) => index.entry(op) ?? []), ...owed];
}

function violationAt(crash: CrashEvidence, index: number, ops: readonly OpId[]) {
  return (kind: ViolationKind, expected: string, found: string): Violation => ({
    kind,
    place: { kind: 'log', index },
    ops,
    expected,
    found,
    position: crash.window.last,
  });
}
