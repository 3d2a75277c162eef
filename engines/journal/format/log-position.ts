/** A place between two batches of the log, with what the next batch must say to follow on. */
export interface LogPosition {
  readonly pageSeq: number;
  /** LSN of the next record. */
  readonly nextLsn: number;
  /** Number of the next batch (low 32 bits). */
  readonly batchNo: number;
  /** Digest of the batch before. */
  readonly prevDigest: number;
}
