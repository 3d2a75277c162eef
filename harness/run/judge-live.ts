import type { RecoveredState } from '../contract/index.ts';
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
  if (live?.opened !== true || isRefused(live)) return [];
  const { end } = ledger;
  return [
    judgeWindows({
      ready: explorer.ready,
      contract: explorer.contract,
      id: `${record.round}:live`,
      digest: '',
      ledger,
      windows: [{ window: { first: end, last: end }, firings: record.firings }],
      recovered: live,
      recoveryFirings: [],
    }),
  ];
}

function isRefused({ damage }: Extract<RecoveredState, { opened: true }>): boolean {
  return [...damage.values()].some(({ kind }) => kind === 'unreadable');
}
