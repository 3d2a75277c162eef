/**
 * How a log ends: the decision table of JOURNAL-ENGINE §4.6 over what was found behind the last whole
 * batch. It guarantees that no acknowledged record is dropped unless nothing on the medium shows that
 * there was one, and that what a power cut can legally leave never counts as damage.
 *
 * R6 (pages of dead epochs are stale) is in ring-scan.ts; R7 (a superblock that fell back) is in
 * rolled-back.ts and comes before these rules.
 */

/** What stands where the next batch would begin, at the log's end L. */
export type NextBatch =
  /** Its first page was never written. */
  | 'unwritten'
  /** A page of it is missing or was torn: it was not durable, so it was not acknowledged. */
  | 'unfinished'
  /** A page of it is damaged, and none shows that it was not durable. */
  | 'rotten'
  /** All its pages are whole, but it does not follow on the batch before. */
  | 'unchained';

export interface TailEvidence {
  /** LSN of the last record before L. */
  readonly lastLsn: number;
  /** Highest LSN that any current page, or the superblock, says was durable. */
  readonly durableLsn: number;
  /** L: the page after the last whole batch. */
  readonly endPageSeq: number;
  /** End of the log as an earlier recovery vouched for it. */
  readonly claimedEnd: number;
  /** Newest current page in the ring, -1 if there is none. */
  readonly newestCurrent: number;
  readonly windowPages: number;
  readonly next: NextBatch;
}

export type TailVerdict =
  | { readonly end: 'clean'; readonly rule: 'R5' }
  | { readonly end: 'torn'; readonly rule: 'R4' }
  | { readonly end: 'corrupt'; readonly rule: 'R1' | 'R2' | 'R3' | 'chain' };

export function judgeTail(evidence: TailEvidence): TailVerdict {
  if (isAcknowledgedMissing(evidence)) return { end: 'corrupt', rule: 'R1' };
  // Pages further apart than the window are never in flight together.
  if (evidence.newestCurrent >= evidence.endPageSeq + evidence.windowPages) {
    return { end: 'corrupt', rule: 'R2' };
  }
  switch (evidence.next) {
    case 'rotten':
      return { end: 'corrupt', rule: 'R3' };
    case 'unchained':
      return { end: 'corrupt', rule: 'chain' };
    case 'unfinished':
      return { end: 'torn', rule: 'R4' };
    case 'unwritten':
      return evidence.newestCurrent >= evidence.endPageSeq
        ? { end: 'torn', rule: 'R4' }
        : { end: 'clean', rule: 'R5' };
  }
}

function isAcknowledgedMissing(evidence: TailEvidence): boolean {
  return evidence.lastLsn < evidence.durableLsn || evidence.endPageSeq < evidence.claimedEnd;
}
