import {
  nounFor,
  type FaultClass,
  type FaultFiring,
  type LedgerView,
  type RecoveredState,
} from '../contract/index.ts';
import type { RoundRecord } from './record-round.ts';

/**
 * Why a round proves less than it should: the engine stopped of itself, or could not be looked at. It
 * may have lost nothing, but what it would have done with the rest of the workload is not known. Read
 * from the evidence alone, so that judging again finds the same.
 */
export function gapsOf(
  {
    round,
    firings,
    ledger,
    live,
    gap,
  }: Pick<RoundRecord, 'round' | 'firings' | 'ledger' | 'live' | 'gap'>,
  queueDepth: number,
): readonly string[] {
  if (gap !== undefined) return [gap];
  const where = `in round ${round}`;
  if (live === undefined && !firings.some(isLastCut)) {
    const left = ledger.entries.filter(({ settledAt }) => settledAt === Infinity).length;
    const operations = nounFor(left, 'operation was', 'operations were');
    return [`the engine stopped answering ${where}: ${left} ${operations} left without an answer`];
  }
  if (live?.opened === false && live.reason === 'crashed') {
    return [`reading back from the running engine failed ${where}: ${live.message}`];
  }
  if (firings.some(({ faultClass }) => explainsRefusal.has(faultClass))) return [];
  if (live?.opened === true && isRefused(live)) {
    return [`the running engine refused to read blocks ${where}, though no fault explains it`];
  }
  const refused = refusedAtTheEnd(ledger);
  if (refused <= 2 * queueDepth) return [];
  return [
    `the engine refused the last ${refused} operations ${where}, though no fault explains it`,
  ];
}

/** After an error that the drive reported, or damage that it can have noticed, an engine may stop. */
const explainsRefusal: ReadonlySet<FaultClass> = new Set([
  'power-loss',
  'write-error',
  'flush-error',
  'short-write',
  'no-space',
  'read-error',
  'stale-read',
  'bit-rot',
  'lost-write',
  'torn-write',
  'misdirected-write',
]);

/** A drive that lost power alone leaves an engine that must still answer. */
function isLastCut({ faultClass, details }: FaultFiring): boolean {
  return faultClass === 'power-loss' && details['device'] === undefined;
}

function isRefused({ damage }: Extract<RecoveredState, { opened: true }>): boolean {
  return [...damage.values()].some(({ kind }) => kind === 'unreadable');
}

function refusedAtTheEnd({ entries }: LedgerView): number {
  const settled = entries
    .filter(({ settledAt }) => settledAt !== Infinity)
    .sort((one, other) => one.settledAt - other.settledAt);
  const lastGood = settled.findLastIndex(({ outcome }) => outcome.status === 'acknowledged');
  return settled.length - 1 - lastGood;
}
