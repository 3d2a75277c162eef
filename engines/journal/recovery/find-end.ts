import assert from 'node:assert/strict';
import { EngineRefusal } from '../../../harness/contract/index.ts';
import type { JournalKeys } from '../crypto/journal-keys.ts';
import type { Crc32c } from '../format/crc32c.ts';
import { readPageHeader, type PageCodec } from '../format/page.ts';
import { recordAt, recordHeaderBytes } from '../format/record.ts';
import { pageCodecOf, type Superblock } from '../format/superblock.ts';
import { corruption } from './corruption.ts';
import type { EarlyWalk } from './early-walk.ts';
import { inspectNextBatch } from './next-batch.ts';
import type { RingContents } from './read-ring.ts';
import { scanRing, type RingScan } from './ring-scan.ts';
import { isRolledBack, rebuildSuperblock } from './rolled-back.ts';
import { judgeTail, type TailEvidence, type TailVerdict } from './tail-rules.ts';
import { openBody, walkLog, type WalkedLog } from './walk-log.ts';

export interface FoundLog {
  /** As read, or as rebuilt from the ring where it had fallen back. */
  readonly superblock: Superblock;
  readonly codec: PageCodec;
  readonly log: WalkedLog;
  readonly verdict: Exclude<TailVerdict, { end: 'corrupt' }>;
  /** Above every LSN in any whole page, dead ones included. */
  readonly nextLsnFloor: number;
  readonly note: string;
}

/** What the ring shows of the log, and what the tail rules make of it. */
export interface ExaminedLog {
  readonly scan: RingScan;
  readonly superblock: Superblock;
  readonly log: WalkedLog;
  readonly evidence: TailEvidence;
  readonly verdict: TailVerdict;
}

export interface LogAsRead {
  readonly ring: RingContents;
  /** What was made of it while it was read, with the superblock that was found. */
  readonly early?: EarlyWalk | undefined;
}

/**
 * Finds the log in the ring and where it ends. Throws EngineRefusal `corrupt` with the rule and the
 * LSNs where acknowledged records are missing or may be, `device-error` where pages that decide it
 * cannot be read.
 */
export function findLog(
  read: LogAsRead,
  found: Superblock,
  crc32c: Crc32c,
  keys?: JournalKeys,
): FoundLog {
  const { scan, superblock, log, evidence, verdict } = examineLog(read, found, crc32c, keys);
  if (verdict.end === 'corrupt') throw refusalOf(verdict, evidence, scan);
  checkCleanEnd(superblock, evidence);
  const rebuilt = superblock === found ? '' : '; the superblock was rebuilt from the ring (R7)';
  return {
    superblock,
    codec: scan.codec,
    log,
    verdict,
    nextLsnFloor: lsnFloorOf(scan, superblock, log, keys),
    note: `${log.batches.length} batches, end ${verdict.end} (${verdict.rule}) before page ${log.end.pageSeq}${rebuilt}`,
  };
}

/**
 * The evidence and the verdict as data, whatever the verdict is. Throws EngineRefusal only where
 * there is no log to judge: a page at a wrong place, a superblock that cannot be rebuilt, a damaged
 * record within whole pages.
 */
export function examineLog(
  { ring, early }: LogAsRead,
  found: Superblock,
  crc32c: Crc32c,
  keys?: JournalKeys,
): ExaminedLog {
  const bounds = { tailPageSeq: found.tail.pageSeq, epochs: found.epochs };
  let scan = early?.scan() ?? scanRing(ring, pageCodecOf(found, crc32c), bounds);
  let superblock = found;
  refuseMisplaced(scan);
  if (isRolledBack(scan, found)) {
    assert(early === undefined, 'the log was walked from where it does not begin');
    ({ scan, superblock } = rebuildSuperblock(ring, scan, found));
    keys?.noteEpochs(superblock.epochs);
  }
  const log = early?.log() ?? walkLog(scan, superblock.tail, crc32c, keys);
  const evidence = gatherEvidence(scan, superblock, log);
  return { scan, superblock, log, evidence, verdict: judgeTail(evidence) };
}

function refuseMisplaced(scan: RingScan): void {
  const page = scan.misplaced[0];
  if (page === undefined) return;
  throw corruption(
    'place',
    `page ${page.pageSeq} stands in slot ${page.slot} of the ring, which is not its own: a write was misdirected`,
  );
}

function gatherEvidence(scan: RingScan, superblock: Superblock, log: WalkedLog): TailEvidence {
  const endPageSeq = log.end.pageSeq;
  return {
    lastLsn: log.end.nextLsn - 1,
    durableLsn: Math.max(scan.durableLsnMax, superblock.durableLsn),
    endPageSeq,
    claimedEnd: superblock.claimedEnd,
    newestCurrent: scan.newestCurrent,
    windowPages: superblock.windowPages,
    next: inspectNextBatch(scan, endPageSeq, superblock.windowPages),
  };
}

function refusalOf(
  verdict: Extract<TailVerdict, { end: 'corrupt' }>,
  evidence: TailEvidence,
  scan: RingScan,
): EngineRefusal {
  const { lastLsn, durableLsn, endPageSeq } = evidence;
  const range =
    durableLsn > lastLsn
      ? `the records with LSN ${lastLsn + 1} to ${durableLsn} were durable and are missing`
      : `records from LSN ${lastLsn + 1} on may have been durable and are missing`;
  const found = `the log breaks off before page ${endPageSeq}: ${range}`;
  if (!hasUnreadable(scan, evidence)) return corruption(verdict.rule, found);
  return new EngineRefusal(
    'device-error',
    `${found}; pages there cannot be read (rule ${verdict.rule})`,
  );
}

function hasUnreadable(scan: RingScan, { endPageSeq, windowPages }: TailEvidence): boolean {
  for (let index = 0; index < windowPages; index++) {
    if (scan.isUnreadable(endPageSeq + index)) return true;
  }
  return false;
}

/** After a clean close nothing follows the end. */
function checkCleanEnd(superblock: Superblock, evidence: TailEvidence): void {
  if (!superblock.isClean) return;
  if (evidence.next === 'unwritten' && evidence.newestCurrent < evidence.endPageSeq) return;
  throw corruption(
    'clean',
    `the journal was closed cleanly before page ${superblock.durablePageSeq}, but page ${evidence.newestCurrent} follows`,
  );
}

/** LSNs of dead pages were given out, so they are never given out again (I4). */
export function lsnFloorOf(
  scan: RingScan,
  superblock: Superblock,
  log: WalkedLog,
  keys?: JournalKeys,
): number {
  let floor = Math.max(superblock.nextLsnFloor, log.end.nextLsn);
  for (let pageSeq = log.end.pageSeq; pageSeq <= scan.newestCurrent; pageSeq++) {
    if (scan.isCurrent(pageSeq)) floor = Math.max(floor, lsnAfterPage(scan, pageSeq, keys));
  }
  return floor;
}

/** The LSN after the last record that begins in the page. */
function lsnAfterPage(scan: RingScan, pageSeq: number, keys: JournalKeys | undefined): number {
  const { codec, pages } = scan;
  const at = scan.offsetOf(pageSeq);
  const { firstRecord, firstLsn, used } = readPageHeader(pages.view, at);
  openBody(scan, pageSeq, keys);
  let lsn = firstLsn;
  for (let offset = firstRecord; offset < used; lsn++) {
    if (offset + recordHeaderBytes > used) return lsn + 1;
    const payloadAt = at + codec.bodyOffset + offset + recordAt.payloadBytes;
    offset += recordHeaderBytes + pages.view.getUint32(payloadAt, true);
  }
  return lsn;
}
