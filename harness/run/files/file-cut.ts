/** What one real cut left, and the judgement of it: no other state of that moment can be looked at. */
import type { Buffer } from 'node:buffer';
import type { EngineFacts, FaultFiring, FileLedgerView } from '../../contract/index.ts';
import { decodeImage, encodeImage } from '../../drive/image-file.ts';
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
  const { fresh, image, geometry } = cut;
  const saved: SavedCut = { firings: cut.firings, gap: cut.gap ?? null };
  directory.saveEvidence(cell, `${name}.fresh.history`, encodeImage({ base: fresh, geometry }));
  directory.saveEvidence(cell, `${name}.cut.history`, encodeImage({ base: image, geometry }));
  directory.saveEvidence(cell, `${name}.files.jsonl`, encodeFileLedger(cut.ledger));
  directory.saveEvidence(cell, `${name}.cut.json`, `${JSON.stringify(saved)}\n`);
}

export function loadCut(directory: RunDirectory, cell: string, round: number): FileCut {
  const name = `round-${round}`;
  const load = (file: string): Buffer => directory.loadEvidence(cell, `${name}.${file}`);
  const saved = directory.loadJson(cell, `${name}.cut.json`) as SavedCut;
  const cut = decodeImage(load('cut.history'));
  return {
    round,
    ledger: decodeFileLedger(load('files.jsonl').toString('utf8')),
    fresh: decodeImage(load('fresh.history')).base,
    image: cut.base,
    geometry: cut.geometry,
    firings: saved.firings,
    engineFacts: undefined,
    gap: saved.gap ?? undefined,
  };
}
