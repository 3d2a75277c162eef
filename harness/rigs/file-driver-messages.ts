/** What the file driver and its process say to each other: a line of JSON each. */
import type { FileOp, FileOutcome, OpId, SyncPolicy } from '../contract/index.ts';

/** The first line. */
export interface FileDriverJob {
  readonly root: string;
  readonly seed: number;
  readonly syncPolicy: SyncPolicy;
}

export interface FileDriverRequest {
  readonly id: OpId;
  readonly op: FileOp;
}

/** `ready` answers the job. */
export type FileDriverReply =
  | { readonly type: 'ready' }
  | { readonly type: 'outcome'; readonly id: OpId; readonly outcome: FileOutcome }
  /** The process cannot work at all. */
  | { readonly type: 'unavailable'; readonly reason: string };
