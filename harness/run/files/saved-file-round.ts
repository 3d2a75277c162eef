/** A round of files in its run directory: what was recorded, and nothing that was concluded. */
import { decodeHistory, encodeHistory } from '../../drive/history-file.ts';
import type { History } from '../../drive/history.ts';
import { decodeImage } from '../../drive/image-file.ts';
import { decodeFileLedger, encodeFileLedger } from '../../ledger/file-ledger.ts';
import type { RunDirectory } from '../run-directory.ts';
import { firingsOf } from '../saved-round.ts';
import { encodedFresh, type FileRoundRecord } from './file-round.ts';

export function saveFileRound(
  directory: RunDirectory,
  cell: string,
  record: FileRoundRecord,
): void {
  const name = `round-${record.round}`;
  directory.saveEvidence(cell, `${name}.history`, encodeHistory(record.history));
  const fresh = encodedFresh(record);
  if (fresh !== undefined) directory.saveEvidence(cell, freshName(record.round), fresh);
  directory.saveEvidence(cell, `${name}.files.jsonl`, encodeFileLedger(record.ledger));
  directory.saveEvidence(cell, `${name}.gap.json`, `${JSON.stringify(record.gap ?? null)}\n`);
}

/** The recovery of a state of the round, which is evidence too: the kernel's never come out the same. */
export function saveRecovery(
  directory: RunDirectory,
  cell: string,
  { round, state, recovery }: { round: number; state: number; recovery: History },
): void {
  directory.saveEvidence(cell, recoveryName(round, state), encodeHistory(recovery));
}

function freshName(round: number): string {
  return `round-${round}.fresh.history`;
}

function recoveryName(round: number, state: number): string {
  return `round-${round}.recovery-${state}.history`;
}

export function loadFileRound(
  directory: RunDirectory,
  cell: string,
  round: number,
): FileRoundRecord {
  const name = `round-${round}`;
  const history = decodeHistory(directory.loadEvidence(cell, `${name}.history`));
  const ledger = directory.loadEvidence(cell, `${name}.files.jsonl`).toString('utf8');
  const hasFresh = directory.evidenceNames(cell).includes(freshName(round));
  return {
    round,
    history,
    ...(hasFresh && { fresh: decodeImage(directory.loadEvidence(cell, freshName(round))).base }),
    ledger: decodeFileLedger(ledger),
    firings: firingsOf(history),
    engineFacts: undefined,
    recoveryOf: (state) => {
      const file = recoveryName(round, state);
      if (!directory.evidenceNames(cell).includes(file)) return undefined;
      return decodeHistory(directory.loadEvidence(cell, file));
    },
    gap: (directory.loadJson(cell, `${name}.gap.json`) as string | null) ?? undefined,
  };
}
