/**
 * Under a contract whose ordering is `prefix`, survival has no holes: where an operation can be seen,
 * everything acknowledged before it was invoked must be there too or have been legally overwritten,
 * whether it was owed by itself or not. This is what a log promises even for what was not flushed.
 *
 * The log of appended records must, under every contract, be an order that real time allows: each
 * record once, none before one that ended before it was invoked, and after a recovery the records it
 * served first, in the order in which it served them.
 */
import {
  damaged,
  pluginApiVersion,
  type LedgerEntry,
  type OpId,
  type Verifier,
  type Violation,
} from '../contract/index.ts';
import { crashEvidenceOf, isExposed, shownAt, type CrashEvidence } from './crash-evidence.ts';
import { latestInvocationBy, owedAfter, type BlockHistory } from './ledger-index.ts';
import { frontierOf, type Frontier } from './survivors.ts';
import { describeInitial, describeOp, describeOps, idsOf } from './wording.ts';

export const writeOrder: Verifier = {
  kind: 'verifier',
  apiVersion: pluginApiVersion,
  name: 'write-order',
  summary: 'nothing survives without what was acknowledged before it; the log keeps its order',
  verify(evidence) {
    const crash = crashEvidenceOf(evidence);
    if (crash === undefined) return [];
    const logOrder = findLogDisorder(crash);
    return evidence.contract.ordering === 'prefix' ? [...logOrder, ...findHoles(crash)] : logOrder;
  },
};

function findHoles(crash: CrashEvidence): Violation[] {
  const frontier = frontierOf(crash);
  if (frontier.op === 0) return [];
  return [
    ...crash.index.blocks.flatMap((history) => findBlockHole(crash, history, frontier) ?? []),
    ...findLogHoles(crash, frontier),
  ];
}

function findBlockHole(
  crash: CrashEvidence,
  history: BlockHistory,
  frontier: Frontier,
): Violation | undefined {
  const { index, baselineAt } = crash;
  const before = frontier.invokedAt - 1;
  const neededAt = latestInvocationBy(history.acknowledged, before);
  if (neededAt <= baselineAt || isExposed(crash, history)) return undefined;
  const shown = shownAt(crash, history);
  if (shown === undefined || isDamagedOtherwise(crash, history, shown)) return undefined;
  const until = shown > 0 ? (index.effectiveUntil[shown] ?? Infinity) : 0;
  if (neededAt <= until) return undefined;
  const missing = owedAfter(history.acknowledged, before, Math.max(until, baselineAt));
  const found = shown > 0 ? describeOp(index.entry(shown)!) : describeInitial();
  return {
    kind: 'reordered',
    place: { kind: 'block', block: history.block },
    ops: [...idsOf(missing), frontier.op],
    expected: expectedBefore(crash, missing, frontier),
    found,
    position: crash.window.last,
  };
}

/** Zeros are absence; any other damage is its own violation and says nothing of order. */
function isDamagedOtherwise(crash: CrashEvidence, history: BlockHistory, shown: OpId): boolean {
  return shown === damaged && crash.recovered.damage.get(history.block)?.kind !== 'zeroed';
}

function findLogHoles(crash: CrashEvidence, frontier: Frontier): Violation[] {
  const { index, baselineAt, recovered, window } = crash;
  const needed = owedAfter(index.appends.acknowledged, frontier.invokedAt - 1, baselineAt);
  if (needed.length === 0) return [];
  const seen = index.newOpSet();
  recovered.observed.log.forEach((op) => op > 0 && seen.add(op));
  return needed
    .filter(({ id }) => !seen.has(id))
    .map((entry) => ({
      kind: 'reordered',
      place: { kind: 'log', index: placeOfFirstAfter(crash, entry) },
      ops: [entry.id, frontier.op],
      expected: expectedBefore(crash, [entry], frontier),
      found: 'no such record in the log',
      position: window.last,
    }));
}

function expectedBefore(
  crash: CrashEvidence,
  missing: readonly LedgerEntry[],
  frontier: Frontier,
): string {
  const survivor = describeOp(crash.index.entry(frontier.op)!);
  return `${describeOps(missing)}, since ${survivor} survived and was invoked after that`;
}

/** Where the missing record's place would be: before the first record invoked after it ended. */
function placeOfFirstAfter({ index, recovered }: CrashEvidence, entry: LedgerEntry): number {
  const { log } = recovered.observed;
  const place = log.findIndex((op) => (index.entry(op)?.invokedAt ?? 0) > entry.settledAt);
  return place < 0 ? log.length : place;
}

function findLogDisorder(crash: CrashEvidence): Violation[] {
  const { index, recovered } = crash;
  const { log } = recovered.observed;
  if (log.length === 0) return [];
  const violations: Violation[] = [];
  const seen = index.newOpSet();
  let latest: LedgerEntry | undefined;
  let lastPlaceServed = -1;
  for (const [place, op] of log.entries()) {
    const entry = index.entry(op);
    if (entry === undefined) continue;
    if (!seen.add(op)) violations.push(duplicated(crash, place, entry));
    if (latest !== undefined && index.effectiveUntil[op]! < latest.invokedAt) {
      violations.push(outOfOrder(crash, place, entry, latest));
    }
    const placeServed = crash.baseline?.placeInLog(op);
    if (placeServed !== undefined && placeServed < lastPlaceServed) {
      violations.push(reshuffled(crash, place, entry, placeServed));
    }
    lastPlaceServed = Math.max(lastPlaceServed, placeServed ?? -1);
    if (entry.invokedAt > (latest?.invokedAt ?? 0)) latest = entry;
  }
  return violations;
}

function duplicated(crash: CrashEvidence, place: number, entry: LedgerEntry): Violation {
  return disorder(crash, place, [entry], 'each record once', `${describeOp(entry)} again`);
}

function outOfOrder(
  crash: CrashEvidence,
  place: number,
  entry: LedgerEntry,
  earlier: LedgerEntry,
): Violation {
  const expected = `${describeOp(entry)} before ${describeOp(earlier)}, which was invoked later`;
  return disorder(crash, place, [entry, earlier], expected, 'the other order');
}

function reshuffled(
  crash: CrashEvidence,
  place: number,
  entry: LedgerEntry,
  placeServed: number,
): Violation {
  const expected = `${describeOp(entry)} at place ${placeServed}, where the last recovery served it`;
  return disorder(crash, place, [entry], expected, `place ${place}, behind records it preceded`);
}

function disorder(
  crash: CrashEvidence,
  place: number,
  entries: readonly LedgerEntry[],
  expected: string,
  found: string,
): Violation {
  return {
    kind: 'reordered',
    place: { kind: 'log', index: place },
    ops: idsOf(entries),
    expected,
    found,
    position: crash.window.last,
  };
}
