/** A round of the twin in its run directory: what was recorded, and nothing that was concluded. */
import type { FaultFiring } from '../contract/index.ts';
import { decodeHistory, encodeHistory } from '../drive/history-file.ts';
import type { History } from '../drive/history.ts';
import { decodeLedger, encodeLedger } from '../ledger/ledger-file.ts';
import { outcomesOf } from './outcome-counts.ts';
import { restoreRecovered, saveRecovered, type SavedRecoveredState } from './host-messages.ts';
import type { RoundRecord } from './record-round.ts';
import type { RunDirectory } from './run-directory.ts';

export function saveRound(directory: RunDirectory, cell: string, record: RoundRecord): void {
  const name = `round-${record.round}`;
  directory.saveEvidence(cell, `${name}.history`, encodeHistory(record.history));
  directory.saveEvidence(cell, `${name}.ledger`, encodeLedger(record.ledger));
  const live = record.live === undefined ? null : saveRecovered(record.live);
  directory.saveEvidence(cell, `${name}.live.json`, `${JSON.stringify(live)}\n`);
  if (record.gap === undefined) return;
  directory.saveEvidence(cell, gapFile(name), `${JSON.stringify(record.gap)}\n`);
}

export function loadRound(directory: RunDirectory, cell: string, round: number): RoundRecord {
  const name = `round-${round}`;
  const history = decodeHistory(directory.loadEvidence(cell, `${name}.history`));
  const ledger = decodeLedger(directory.loadEvidence(cell, `${name}.ledger`));
  const live = directory.loadJson(cell, `${name}.live.json`) as SavedRecoveredState | null;
  return {
    round,
    history,
    ledger,
    firings: firingsOf(history),
    outcomes: outcomesOf(ledger),
    latency: undefined,
    amplification: undefined,
    engineFacts: undefined,
    live: live === null ? undefined : restoreRecovered(live),
    gap: loadGap(directory, cell, name),
  };
}

function loadGap(directory: RunDirectory, cell: string, name: string): string | undefined {
  const file = gapFile(name);
  if (!directory.evidenceNames(cell).includes(file)) return undefined;
  return directory.loadJson(cell, file) as string;
}

function gapFile(name: string): string {
  return `${name}.gap.json`;
}

export function firingsOf(history: History): readonly FaultFiring[] {
  return history.events.flatMap((event) => (event.kind === 'fault' ? [event.firing] : []));
}
