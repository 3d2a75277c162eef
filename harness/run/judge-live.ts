import type { RecoveredState, Violation } from '../contract/index.ts';
import type { RoundExplorer } from './explore-round.ts';
import { judgeWindows, type JudgedState } from './judge-windows.ts';
import type { RoundRecord } from './record-round.ts';

/**
 * What the running engine served at the end of the workload, without any cut: faults such as a stale
 * read need no crash to be seen. The id ends in `live`; it stands for no crash state. An engine that
 * has stopped may refuse to read: nothing is lost by that until it is opened again, so only what was
 * served is judged.
 */
export function judgeLive(explorer: RoundExplorer, record: RoundRecord): readonly JudgedState[] {
  const { live, ledger } = record;
  if (live?.opened !== true) return [];
  const { end } = ledger;
  const judged = judgeWindows({
    ready: explorer.ready,
    contract: explorer.contract,
    id: `${record.round}:live`,
    digest: '',
    ledger,
    windows: [{ window: { first: end, last: end }, firings: record.firings }],
    recovered: live,
    recoveryFirings: [],
  });
  const violations = judged.violations.filter((violation) => !isRefusal(violation, live));
  const outcome = violations.length === 0 ? 'intact' : 'violated';
  return [
    violations.length === judged.violations.length ? judged : { ...judged, violations, outcome },
  ];
}

function isRefusal({ place }: Violation, { damage }: OpenedState): boolean {
  return place.kind === 'block' && damage.get(place.block)?.kind === 'unreadable';
}

type OpenedState = Extract<RecoveredState, { opened: true }>;
