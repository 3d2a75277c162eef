/** A round of files in its run directory: what was recorded, and nothing that was concluded. */
import { decodeHistory, encodeHistory } from '../../drive/history-file.ts';
import { decodeFileLedger, encodeFileLedger } from '../../ledger/file-ledger.ts';
import type { RunDirectory } from '../run-directory.ts';
import { firingsOf } from '../saved-round.ts';
import type { FileRoundRecord } from './file-round.ts';

export function saveFileRound(
  directory: RunDirectory,
  cell: string,
  record: FileRoundRecord,
): void {
  const name = `round-${record.round}`;
  directory.saveEvidence(cell, `${name}.history`, encodeHistory(record.history));
  directory.saveEvidence(cell, `${name}.files.jsonl`, encodeFileLedger(record.ledger));
  directory.saveEvidence(cell, `${name}.gap.json`, `${JSON.stringify(record.gap ?? null)}\n`);
}

export function loadFileRound(
  directory: RunDirectory,
  cell: string,
  round: number,
): FileRoundRecord {
  const name = `round-${round}`;
  const history = decodeHistory(directory.loadEvidence(cell, `${name}.history`));
  const ledger = directory.loadEvidence(cell, `${name}.files.jsonl`).toString('utf8');
  return {
    round,
    history,
    ledger: decodeFileLedger(ledger),
    firings: firingsOf(history),
    engineFacts: undefined,
    gap: (directory.loadJson(cell, `${name}.gap.json`) as string | null) ?? undefined,
  };
}
