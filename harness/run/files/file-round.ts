import type { EngineFacts, FaultFiring, FileLedgerView } from '../../contract/index.ts';
import type { History } from '../../drive/history.ts';
import { encodeImage } from '../../drive/image-file.ts';
import type { SparseImage } from '../../drive/image.ts';

/** The evidence of a round that judging needs: it stands in the run directory. */
export interface FileRoundEvidence {
  readonly round: number;
  readonly history: History;
  /**
   * The file system as it was made, where the history may begin later, when it had names and contents
   * already. Without it, it is what the drive held when the history began.
   */
  readonly fresh?: SparseImage;
  readonly ledger: FileLedgerView;
}

export function encodedFresh({ fresh, history }: FileRoundEvidence): Uint8Array | undefined {
  const { geometry } = history.devices[0]!;
  return fresh && encodeImage({ base: fresh, geometry });
}

/** One run of a file workload: the evidence, before anything is judged. */
export interface FileRoundRecord extends FileRoundEvidence {
  readonly firings: readonly FaultFiring[];
  /** Known while it ran; a round loaded from a run directory has none. */
  readonly engineFacts: EngineFacts | undefined;
  /** Why the round shows less than was asked for; undefined where it does not. */
  readonly gap: string | undefined;
  /**
   * The recovery of a state, where it was recorded; undefined where it was not. Absent in a round that
   * has just been recorded: its recoveries are recorded when their states have been judged.
   */
  recoveryOf?(state: number): History | undefined;
}
