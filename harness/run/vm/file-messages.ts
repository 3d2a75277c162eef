import type { EngineFacts, FileOp, FileOutcome, OpId } from '../../contract/index.ts';

/**
 * What the process that works on a file system in a machine tells the harness, one JSON array a line. An operation is
 * told before it is begun, and its answer before anything that follows from it.
 */
export type FileHostMessage =
  /** The file system is made, all of it is durable, and nothing has mounted it yet. */
  | readonly ['made']
  | readonly ['mounted', EngineFacts]
  | readonly ['invoke', OpId, FileOp]
  | readonly ['settle', OpId, FileOutcome]
  /** The workload has come to its end, or why it has not. */
  | readonly ['end', string | null];
