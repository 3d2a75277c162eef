import type { EngineFacts, FaultFiring, FileLedgerView } from '../../contract/index.ts';
import type { History } from '../../drive/history.ts';

/** The evidence of a round that judging needs: it stands in the run directory. */
export interface FileRoundEvidence {
  readonly round: number;
  readonly history: History;
  readonly ledger: FileLedgerView;
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
