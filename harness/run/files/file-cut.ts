/** What one real cut left, and the judgement of it: no other state of that moment can be looked at. */
import type { Buffer } from 'node:buffer';
import type { EngineFacts, FaultFiring, FileLedgerView } from '../../contract/index.ts';
import { decodeHistory, encodeHistory } from '../../drive/history-file.ts';
import { History } from '../../drive/history.ts';
import type { DeviceGeometry } from '../../contract/index.ts';
import type { SparseImage } from '../../drive/image.ts';
import { decodeFileLedger, encodeFileLedger } from '../../ledger/file-ledger.ts';
import type { RunDirectory } from '../run-directory.ts';

/** The evidence of a round that ended in a cut. */
export interface FileCut {
  readonly round: number;
  readonly ledger: FileLedgerView;
  /** As the file system was made, and as the cut left it. */
  readonly fresh: SparseImage;
  readonly image: SparseImage;
  readonly geometry: DeviceGeometry;
  readonly firings: readonly FaultFiring[];
  readonly engineFacts: EngineFacts | undefined;
  readonly gap: string | undefined;
}

interface SavedCut {
  readonly firings: readonly FaultFiring[];
  readonly gap: string | null;
}

export function saveCut(directory: RunDirectory, cell: string, cut: FileCut): void {
  const name = `round-${cut.round}`;
  const saved: SavedCut = { firings: cut.firings, gap: cut.gap ?? null };
  directory.saveEvidence(cell, `${name}.fresh.history`, encodeImage(cut.fresh, cut.geometry));
  directory.saveEvidence(cell, `${name}.cut.history`, encodeImage(cut.image, cut.geometry));
  directory.saveEvidence(cell, `${name}.files.jsonl`, encodeFileLedger(cut.ledger));
  directory.saveEvidence(cell, `${name}.cut.json`, `${JSON.stringify(saved)}\n`);
}

export function loadCut(directory: RunDirectory, cell: string, round: number): FileCut {
  const name = `round-${round}`;
  const load = (file: string): Buffer => directory.loadEvidence(cell, `${name}.${file}`);
  const saved = directory.loadJson(cell, `${name}.cut.json`) as SavedCut;
  const cut = decodeHistory(load('cut.history')).devices[0]!;
  return {
    round,
    ledger: decodeFileLedger(load('files.jsonl').toString('utf8')),
    fresh: decodeHistory(load('fresh.history')).devices[0]!.base,
    image: cut.base,
    geometry: cut.geometry,
    firings: saved.firings,
    engineFacts: undefined,
    gap: saved.gap ?? undefined,
  };
}

/** The file form of a history holds what a drive held at first: here, that is all of it. */
function encodeImage(image: SparseImage, geometry: DeviceGeometry): Uint8Array {
  const history = new History({ now: () => 0 });
  history.addDevice({ device: 0, name: 'cut', geometry, base: image });
  return encodeHistory(history);
}
