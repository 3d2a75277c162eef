/**
 * What a crash state had lost, or showed, that the contract allows: a weaker contract is only worth
 * its price to who sees what it costs (REQUIREMENTS A5, B9). None of it convicts.
 */
import { damaged, type Evidence, type OpId } from '../contract/index.ts';
import { judgeBlock } from './acknowledged-writes.ts';
import { crashEvidenceOf, isExposed, shownAt, type CrashEvidence } from './crash-evidence.ts';
import { owedAfter, type BlockHistory } from './ledger-index.ts';

export interface AllowedLosses {
  /** Acknowledged operations of which some block, or the record, is gone: they were not flushed. */
  readonly acknowledgedNotDurable: number;
  /** Blocks that showed what the contract allows only for what was not flushed. */
  readonly exposedBlocks: number;
}

export const noLosses: AllowedLosses = { acknowledgedNotDurable: 0, exposedBlocks: 0 };

export function allowedLosses(evidence: Evidence): AllowedLosses {
  if (evidence.contract.durableWhen !== 'flushed') return noLosses;
  const crash = crashEvidenceOf(evidence);
  if (crash === undefined) return noLosses;
  return { acknowledgedNotDurable: countLost(crash), exposedBlocks: countExposed(crash) };
}

export function mostLosses(one: AllowedLosses, other: AllowedLosses): AllowedLosses {
  return {
    acknowledgedNotDurable: Math.max(one.acknowledgedNotDurable, other.acknowledgedNotDurable),
    exposedBlocks: Math.max(one.exposedBlocks, other.exposedBlocks),
  };
}

function countLost(crash: CrashEvidence): number {
  const { index, window, baseline, baselineAt, recovered } = crash;
  const lost = new Set<OpId>();
  const isAllowed = (id: OpId): boolean => index.owedFrom[id]! > window.last;
  for (const history of index.blocks) {
    const isBaselineKnown = baseline?.blockAt(history.block) !== undefined;
    const since = Math.max(shownUntil(crash, history), isBaselineKnown ? baselineAt : 0);
    for (const { id } of owedAfter(history.acknowledged, window.last, since)) {
      if (isAllowed(id)) lost.add(id);
    }
  }
  const inLog = new Set(recovered.observed.log);
  for (const { id } of owedAfter(index.appends.acknowledged, window.last, baselineAt)) {
    if (isAllowed(id) && !inLog.has(id)) lost.add(id);
  }
  return lost.size;
}

/** Until when the version that the block shows may have taken effect: what came later is gone. */
function shownUntil(crash: CrashEvidence, history: BlockHistory): number {
  const shown = shownAt(crash, history);
  if (shown === undefined) return Infinity;
  return shown === damaged || shown === 0 ? 0 : (crash.index.effectiveUntil[shown] ?? 0);
}

function countExposed(crash: CrashEvidence): number {
  return crash.index.blocks.filter(
    (history) => isExposed(crash, history) && judgeBlock(crash, history) !== undefined,
  ).length;
}
