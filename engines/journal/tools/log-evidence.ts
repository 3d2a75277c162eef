import { EngineRefusal } from '../../../harness/contract/index.ts';
import type { JournalKeys } from '../crypto/journal-keys.ts';
import type { Crc32c } from '../format/crc32c.ts';
import { pageCodecOf, type Superblock } from '../format/superblock.ts';
import { LogCorruption, type CorruptionRule } from '../recovery/corruption.ts';
import { examineLog, lsnFloorOf, type ExaminedLog } from '../recovery/find-end.ts';
import type { RingContents } from '../recovery/read-ring.ts';
import { scanRing, type OddPage } from '../recovery/ring-scan.ts';
import type { NextBatch, TailVerdict } from '../recovery/tail-rules.ts';
import { PageViewer, type PageView } from './page-view.ts';
import { describePage } from './page-words.ts';
import { formatHex } from './quantities.ts';
import type { ToolKeys } from './tool-keys.ts';

/** Who says that the log was once durable that far. */
export type DurableWitness =
  | { readonly kind: 'page'; readonly page: number; readonly slot: number; readonly epoch: number }
  | { readonly kind: 'superblock'; readonly sequence: number };

export interface PageEvidence extends PageView {
  readonly finding: string;
}

/** What the end of a log rests on, as data. */
export interface LogEvidence {
  readonly verdict: TailVerdict;
  /** The superblock had fallen back, and was rebuilt from the ring (R7). */
  readonly isRebuilt: boolean;
  readonly tailPage: number;
  readonly tailLsn: number;
  /** L: the page after the last whole batch. */
  readonly endPage: number;
  readonly lastLsn: number;
  readonly batches: number;
  readonly epoch: number;
  readonly durableLsn: number;
  readonly durableBy: DurableWitness | undefined;
  readonly claimedEnd: number;
  readonly windowPages: number;
  /** Newest current page, -1 without one. */
  readonly newestPage: number;
  readonly next: NextBatch;
  /** Highest LSN that any whole page behind the end carries; `lastLsn` where there is none. */
  readonly seenLsn: number;
  /** Pages from the end on that say something, at most `evidencePagesMax`. */
  readonly pages: readonly PageEvidence[];
  readonly pagesLeftOut: number;
}

/** There is no log to judge. */
export interface NoLog {
  readonly rule: CorruptionRule | undefined;
  readonly reason: EngineRefusal['reason'];
  readonly message: string;
  /** Whole pages that cannot stand where they do, as far as the superblock can tell. */
  readonly oddPages: readonly OddPage[];
}

const evidencePagesMax = 48;

export function gatherLogEvidence(
  ring: RingContents,
  found: Superblock,
  crc32c: Crc32c,
  keys: ToolKeys,
): LogEvidence | NoLog {
  if (keys === 'missing') return encryptedLog(found);
  const opened = keys === 'none' ? undefined : keys;
  // Before `examineLog`, which moves the bodies of the log's pages together.
  const oddPages = oddPagesIn(ring, found, crc32c);
  let examined: ExaminedLog;
  try {
    examined = examineLog({ ring }, found, crc32c, opened);
  } catch (error) {
    if (error instanceof EngineRefusal) return noLog(error, oddPages);
    throw error;
  }
  const { superblock, log, evidence, verdict } = examined;
  // Before `lsnFloorOf`, which makes the bodies of pages readable, so that they are whole no longer.
  const views = pagesBehindEnd(examined);
  return {
    verdict,
    isRebuilt: superblock !== found,
    tailPage: superblock.tail.pageSeq,
    tailLsn: superblock.tail.nextLsn,
    endPage: evidence.endPageSeq,
    lastLsn: evidence.lastLsn,
    batches: log.batches.length,
    epoch: superblock.epochs.at(-1)!.epoch,
    durableLsn: evidence.durableLsn,
    durableBy: witnessOf(examined),
    claimedEnd: evidence.claimedEnd,
    windowPages: evidence.windowPages,
    newestPage: evidence.newestCurrent,
    next: evidence.next,
    seenLsn: Math.max(evidence.lastLsn, seenLsnOf(examined, opened)),
    pages: views.slice(0, evidencePagesMax),
    pagesLeftOut: Math.max(0, views.length - evidencePagesMax),
  };
}

export function isLog(found: LogEvidence | NoLog): found is LogEvidence {
  return 'verdict' in found;
}

function oddPagesIn(
  ring: RingContents,
  superblock: Superblock,
  crc32c: Crc32c,
): readonly OddPage[] {
  const { tail, epochs } = superblock;
  const codec = pageCodecOf(superblock, crc32c);
  const scan = scanRing(ring, codec, { tailPageSeq: tail.pageSeq, epochs });
  return [...scan.misplaced, ...scan.unknownToSuperblock];
}

function noLog(error: EngineRefusal, oddPages: readonly OddPage[]): NoLog {
  const rule = error instanceof LogCorruption ? error.rule : undefined;
  return { rule, reason: error.reason, message: error.message, oddPages };
}

function encryptedLog({ keyId }: Superblock): NoLog {
  const message = `the journal is encrypted with key ${formatHex(keyId!)}, and no key was given`;
  return { rule: undefined, reason: 'incompatible', message, oddPages: [] };
}

/**
 * The pages of the batch at the end; behind it what is damaged or missing before something newer; and
 * the newest page. Whole pages in between say no more than the newest does.
 */
function pagesBehindEnd({ scan, superblock, evidence }: ExaminedLog): PageEvidence[] {
  const { endPageSeq, newestCurrent, windowPages } = evidence;
  const beyond = superblock.tail.pageSeq + scan.ringPages;
  const viewer = new PageViewer(scan, superblock.layout);
  const window = viewsOf(viewer, endPageSeq, Math.min(beyond, endPageSeq + windowPages));
  const near = window.slice(0, Math.max(1, ...window.map(reachOf)));
  const batchPages = batchPagesAt(endPageSeq, near);
  const shown = near.filter(
    ({ page, state }, index) => index < batchPages || state !== 'current' || page === newestCurrent,
  );
  const isFar = newestCurrent >= endPageSeq + windowPages;
  const far = isFar ? viewsOf(viewer, newestCurrent, newestCurrent + 1) : [];
  return [...shown, ...far].map((view) => ({
    ...view,
    finding: describePage(view, scan.codec.sectorBytes),
  }));
}

/** How many pages of the window must be looked at for the sake of this one. */
function reachOf({ state, envelope }: PageView, index: number): number {
  if (state === 'empty' || state === 'retired' || state === 'dead') return 0;
  if (state !== 'current') return index + 1;
  return index - envelope!.batchIndex + envelope!.batchPages;
}

/** As any whole page of the batch says; 1 where none is left. */
function batchPagesAt(endPageSeq: number, views: readonly PageView[]): number {
  const member = views.find(
    ({ state, page, envelope }) =>
      state === 'current' && page - envelope!.batchIndex === endPageSeq,
  );
  return member?.envelope?.batchPages ?? 1;
}

function viewsOf(viewer: PageViewer, from: number, to: number): PageView[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => viewer.view(from + index));
}

function witnessOf({ scan, superblock, evidence }: ExaminedLog): DurableWitness | undefined {
  const { durableLsn } = evidence;
  if (durableLsn === 0) return undefined;
  if (scan.durableLsnMax === durableLsn) {
    const page = scan.durableWitness;
    return { kind: 'page', page, slot: page % scan.ringPages, epoch: scan.witnessEpoch };
  }
  return { kind: 'superblock', sequence: superblock.sequence };
}

function seenLsnOf({ scan, superblock, log }: ExaminedLog, keys: JournalKeys | undefined): number {
  try {
    return lsnFloorOf(scan, { ...superblock, nextLsnFloor: 0 }, log, keys) - 1;
  } catch (error) {
    // A page behind the end that cannot be decrypted tells nothing; the verdict stands without it.
    if (error instanceof EngineRefusal) return 0;
    throw error;
  }
}
