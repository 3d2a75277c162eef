/**
 * Every block must hold a version that some order of the operations on it allows. Operations that
 * overlapped may have taken effect in either order; one that ended before another was invoked came
 * before it. So a version is legal at every position of the window when
 *
 *  - its operation was invoked by the first position and had not been rejected by the last, and
 *  - no operation owed by the last position was invoked after that version could last take effect.
 *
 * What the medium held before the run is legal while nothing is owed, and so are zeros then (a drive
 * may make them of what was never written). After a recovery, what it served stands in for all older
 * operations: no other of them may be seen again, and it may only be overwritten.
 *
 * A block is all-or-nothing under either atomic unit, so these always convict: sectors of two
 * operations (even where neither was acknowledged), a stamp of another block, a stamp with a wrong
 * checksum. A block that the engine refuses to read convicts only where something is owed. Blocks
 * are judged one by one here; what joins the blocks of an operation is in atomicity.ts.
 *
 * Where the contract allows anything of a block that was not flushed (`unflushedContents`), such a
 * block is left out, here and wherever else one is looked at.
 *
 * The kinds: `lost`, exactly the newest of what was owed is gone; `stale`, the block went further
 * back than that; `resurrected`, a version that had been ruled out for good (rejected, or not there
 * at an earlier recovery); `corrupt` also where the operation cannot have written what was read.
 */
import {
  damaged,
  initialContents,
  pluginApiVersion,
  type BlockDamage,
  type BlockNumber,
  type LedgerEntry,
  type LedgerPosition,
  type OpId,
  type Verifier,
  type Violation,
  type ViolationKind,
} from '../contract/index.ts';
import {
  crashEvidenceOf,
  isExposed,
  owedInvocationAt,
  shownAt,
  type CrashEvidence,
} from './crash-evidence.ts';
import { changesBlock, owedAfter, type BlockHistory } from './ledger-index.ts';
import { describeDamage, describeInitial, describeOp, describeOps, idsOf } from './wording.ts';

export const acknowledgedWrites: Verifier = {
  kind: 'verifier',
  apiVersion: pluginApiVersion,
  name: 'acknowledged-writes',
  summary: 'every block holds the newest acknowledged write, or one that may follow it',
  verify(evidence) {
    const crash = crashEvidenceOf(evidence);
    if (crash === undefined) return [];
    const violations: Violation[] = [];
    for (const history of crash.index.blocks) {
      const violation = judgeBlock(crash, history);
      if (violation !== undefined && !isExposed(crash, history)) violations.push(violation);
    }
    return violations;
  },
};

/** As if the contract allowed one whole version only. */
export function judgeBlock(crash: CrashEvidence, history: BlockHistory): Violation | undefined {
  const shown = shownAt(crash, history);
  if (shown === undefined) return undefined;
  if (shown === damaged) return judgeDamage(crash, history);
  if (shown === initialContents) return judgeInitial(crash, history);
  if (isLegal(crash, history, shown)) return undefined;
  return convict(crash, history, shown);
}

function isLegal(crash: CrashEvidence, history: BlockHistory, shown: OpId): boolean {
  const { index, window, baseline, baselineAt } = crash;
  const entry = index.entry(shown);
  if (entry === undefined || entry.invokedAt > window.first) return false;
  if (owedInvocationAt(crash, history) > index.effectiveUntil[shown]!) return false;
  if (entry.outcome.status === 'rejected' && index.isRejectedBy(entry, window.last)) return false;
  if (entry.invokedAt < baselineAt) {
    const served = baseline?.blockAt(history.block);
    if (served !== undefined && served !== shown) return false;
  }
  return changesBlock(entry, history.block);
}

/** Says what is wrong with a whole version that is not legal. */
function convict(crash: CrashEvidence, history: BlockHistory, shown: OpId): Violation {
  const { index, window } = crash;
  const { block } = history;
  const entry = index.entry(shown);
  const found = entry === undefined ? `operation ${shown}` : describeOp(entry);
  const violate = violationAt(block, window.last);
  if (entry === undefined || !changesBlock(entry, block)) {
    const expected = 'an operation of the ledger that changes this block';
    return violate('corrupt', [shown], expected, found);
  }
  if (entry.invokedAt > window.first) {
    const expected = `only operations invoked by position ${window.first}`;
    return { ...violate('corrupt', [shown], expected, found), position: window.first };
  }
  if (index.isRejectedBy(entry, window.last)) {
    const expected = 'no effect of an operation that the engine rejected';
    return violate('resurrected', [shown], expected, found);
  }
  return convictOlder(crash, history, entry);
}

/** The block went back: behind what a recovery had served, or behind what was owed since. */
function convictOlder(crash: CrashEvidence, history: BlockHistory, shown: LedgerEntry): Violation {
  const { index, window, baselineAt } = crash;
  const { block } = history;
  const violate = violationAt(block, window.last);
  const served = crash.baseline?.blockAt(block);
  if (shown.invokedAt < baselineAt && served !== undefined && served !== shown.id) {
    const servedAt = index.entry(served)?.invokedAt ?? 0;
    const wentBack = index.effectiveUntil[shown.id]! < servedAt;
    return violate(
      wentBack ? 'lost' : 'resurrected',
      wentBack ? [served, shown.id] : [shown.id, served].filter((id) => id > 0),
      `${describeServed(crash, served)}, which the last recovery served, or a newer operation`,
      describeOp(shown),
    );
  }
  const missing = missingFrom(crash, history, index.effectiveUntil[shown.id]!);
  return violate(
    lostOrStale(crash, missing),
    [...idsOf(missing), shown.id],
    `${describeOps(missing)}, or an operation that may follow`,
    describeOp(shown),
  );
}

function describeServed(crash: CrashEvidence, served: OpId): string {
  const entry = crash.index.entry(served);
  return entry === undefined ? describeInitial() : describeOp(entry);
}

function judgeInitial(crash: CrashEvidence, history: BlockHistory): Violation | undefined {
  return judgeAbsence(crash, history, 'lost', describeInitial());
}

/** Nothing of the run is in the block: wrong as soon as something is owed. */
function judgeAbsence(
  crash: CrashEvidence,
  history: BlockHistory,
  kind: ViolationKind,
  found: string,
): Violation | undefined {
  const violate = violationAt(history.block, crash.window.last);
  const missing = missingFrom(crash, history, 0);
  if (missing.length > 0) {
    return violate(kind, idsOf(missing), `${describeOps(missing)}, or one that may follow`, found);
  }
  const served = crash.baseline?.blockAt(history.block);
  if (served === undefined || served === initialContents) return undefined;
  const expected = `${describeServed(crash, served)}, which the last recovery served`;
  return violate(kind, [served], expected, found);
}

function judgeDamage(crash: CrashEvidence, history: BlockHistory): Violation | undefined {
  const { block } = history;
  const damage = crash.recovered.damage.get(block) ?? { kind: 'corrupt' };
  const found = describeDamage(damage);
  if (damage.kind === 'zeroed') return judgeAbsence(crash, history, 'zeroed', found);
  if (damage.kind === 'unreadable') return judgeAbsence(crash, history, 'lost', found);
  const ops = [...idsOf(missingFrom(crash, history, 0)), ...opsIn(damage)];
  const violate = violationAt(block, crash.window.last);
  return violate(damage.kind, ops, `one whole version of block ${block}`, found);
}

function opsIn(damage: BlockDamage): OpId[] {
  if (damage.kind === 'misdirected') return [damage.stamp.op];
  if (damage.kind === 'torn') return [...new Set(damage.sectorOps)].filter((op) => op > 0);
  return [];
}

/** What the block owes and cannot hold if its version could last take effect at `until`. */
function missingFrom(
  crash: CrashEvidence,
  history: BlockHistory,
  until: LedgerPosition,
): LedgerEntry[] {
  if (owedInvocationAt(crash, history) <= until) return [];
  const isBaselineKnown = crash.baseline?.blockAt(history.block) !== undefined;
  const after = isBaselineKnown ? Math.max(until, crash.baselineAt) : until;
  return owedAfter(history.owed, crash.window.last, after).sort(
    (a, b) => a.settledAt - b.settledAt,
  );
}

/** `stale` where one of the missing had itself been overwritten by another of them. */
function lostOrStale(crash: CrashEvidence, missing: readonly LedgerEntry[]): ViolationKind {
  const latestInvokedAt = missing.reduce((latest, entry) => Math.max(latest, entry.invokedAt), 0);
  const isOverwritten = (entry: LedgerEntry): boolean =>
    crash.index.effectiveUntil[entry.id]! < latestInvokedAt;
  return missing.some(isOverwritten) ? 'stale' : 'lost';
}

function violationAt(block: BlockNumber, position: LedgerPosition) {
  return (
    kind: ViolationKind,
    ops: readonly OpId[],
    expected: string,
    found: string,
  ): Violation => ({ kind, place: { kind: 'block', block }, ops, expected, found, position });
}
