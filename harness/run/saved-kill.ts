/** What a real device showed after a kill: it cannot be made again, so what was read is the evidence. */
import type {
  DeviceGeometries,
  DeviceGeometry,
  FaultFiring,
  LedgerPosition,
  LedgerView,
} from '../contract/index.ts';
import { restoreRecovered, type SavedRecoveredState } from './host-messages.ts';
import { judgeWindows, type JudgedState } from './judge-windows.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import type { RunDirectory } from './run-directory.ts';

export interface SavedKill {
  readonly round: number;
  /** Where the ledger ended when the process was dead. */
  readonly position: LedgerPosition;
  readonly geometry: DeviceGeometry;
  readonly dataGeometry?: DeviceGeometry;
  readonly recovered: SavedRecoveredState;
}

export function saveKill(directory: RunDirectory, cell: string, kill: SavedKill): void {
  directory.saveEvidence(cell, `kill-${kill.round}.json`, `${JSON.stringify(kill)}\n`);
}

export function loadKill(directory: RunDirectory, cell: string, round: number): SavedKill {
  return directory.loadJson(cell, `kill-${round}.json`) as SavedKill;
}

export function geometriesOfKill({ geometry, dataGeometry }: SavedKill): DeviceGeometries {
  return dataGeometry === undefined ? { main: geometry } : { main: geometry, data: dataGeometry };
}

/** Judges by the ledger as it stood when the process died. */
export function judgeKill(ready: ReadyScenario, ledger: LedgerView, kill: SavedKill): JudgedState {
  const { round, position } = kill;
  return judgeWindows({
    ready,
    contract: ready.engine.contractFor(ready.engineConfig, geometriesOfKill(kill)),
    id: `${round}:0`,
    digest: '',
    ledger,
    windows: [
      { window: { first: position, last: position }, firings: firingsUpTo(ledger, position) },
    ],
    recovered: restoreRecovered(kill.recovered),
    recoveryFirings: [],
  });
}

function firingsUpTo(ledger: LedgerView, position: LedgerPosition): readonly FaultFiring[] {
  return ledger.marks.flatMap(({ at, mark }) =>
    mark.kind === 'fault' && at <= position ? [mark.firing] : [],
  );
}
