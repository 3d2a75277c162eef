import type { EpochEntry } from '../format/epoch-table.ts';
import { withEpoch } from '../format/epoch-table.ts';
import type { LogPosition } from '../format/log-position.ts';
import { pageAt, readPageHeader } from '../format/page.ts';
import { newestEpochOf, type Superblock } from '../format/superblock.ts';
import { corruption } from './corruption.ts';
import { epochStartOf } from './epoch-start.ts';
import { beginningWith, type RingContents } from './read-ring.ts';
import { scanRing, type RingScan } from './ring-scan.ts';

/** Whether the ring shows that a newer superblock existed than the one that was found. */
export function isRolledBack(scan: RingScan, { tail }: Superblock): boolean {
  return scan.unknownToSuperblock.length > 0 || scan.newestTail > tail.pageSeq;
}

/**
 * Rule R7. Whole pages of ours that the newest superblock cannot know of, of a later epoch or a later
 * lap, show that a newer superblock existed and was lost with both its copies. What it said stands in
 * the ring too: each page carries the tail that was durable when it was written, and no slot from
 * there on has been written over since; each epoch begins with a record of where it began. Answers
 * the superblock as it must have been, and the scan seen from it; throws `corrupt` where the ring
 * does not say enough.
 */
export function rebuildSuperblock(
  ring: RingContents,
  scan: RingScan,
  superblock: Superblock,
): { readonly superblock: Superblock; readonly scan: RingScan } {
  const epochs = rebuildEpochs(scan, superblock);
  const tailPageSeq = rebuildTail(scan, superblock, epochs);
  const { codec, ringPages } = scan;
  const turned = beginningWith(ring, tailPageSeq % ringPages, codec.pageBytes);
  const rescan = scanRing(turned, codec, { tailPageSeq, epochs });
  const beyond = rescan.unknownToSuperblock[0];
  if (beyond !== undefined) {
    throw corruption(
      'R7',
      `page ${beyond.pageSeq} of epoch ${beyond.epoch} is beyond any log here`,
    );
  }
  const tail = positionAt(rescan, tailPageSeq, superblock.tail);
  const rebuilt: Superblock = {
    ...superblock,
    isClean: false,
    epochs,
    tail,
    freePageLsn: freePageLsnFor(tail, superblock),
    claimedEnd: Math.max(superblock.claimedEnd, epochs.at(-1)!.firstPageSeq),
  };
  return { superblock: rebuilt, scan: rescan };
}

/** Where the tail was lost, so was what the page of free places must hold beside the log. */
function freePageLsnFor(tail: LogPosition, { tail: known, freePageLsn }: Superblock): number {
  const isKnown = tail.pageSeq === known.pageSeq || freePageLsn === 0;
  return isKnown ? freePageLsn : Math.max(freePageLsn, tail.nextLsn);
}

/** Every later epoch that has a page must have its EpochStart, or its owner's place is unknown. */
function rebuildEpochs(scan: RingScan, superblock: Superblock): readonly EpochEntry[] {
  const newest = newestEpochOf(superblock).epoch;
  const later = new Map<number, EpochEntry | undefined>();
  for (const { slot, epoch } of scan.unknownToSuperblock) {
    if (epoch <= newest) continue;
    later.set(epoch, later.get(epoch) ?? epochEntryAt(scan, slot, epoch));
  }
  let epochs = superblock.epochs;
  for (const [epoch, entry] of [...later].sort(([a], [b]) => a - b)) {
    if (entry === undefined) {
      throw corruption('R7', `the superblock is older than epoch ${epoch}, whose start is lost`);
    }
    epochs = withEpoch(epochs, entry, superblock.tail.pageSeq);
  }
  return epochs;
}

function epochEntryAt(scan: RingScan, slot: number, epoch: number): EpochEntry | undefined {
  const at = scan.offsetOf(slot);
  const start = epochStartOf(scan.pages, at, scan.codec);
  if (start?.epoch !== epoch) return undefined;
  const { firstPageSeq, firstLsn, salt } = start;
  return { epochFrom: epoch, epoch, firstPageSeq, firstLsn, salt };
}

function rebuildTail(
  scan: RingScan,
  superblock: Superblock,
  epochs: readonly EpochEntry[],
): number {
  const newest = epochs.at(-1)!.epoch;
  let tailPageSeq = Math.max(superblock.tail.pageSeq, scan.newestTail);
  for (const { slot, pageSeq, epoch } of scan.unknownToSuperblock) {
    if (epoch !== newest) continue;
    const distance = scan.pages.view.getUint32(scan.offsetOf(slot) + pageAt.tailDistance, true);
    tailPageSeq = Math.max(tailPageSeq, pageSeq - distance);
  }
  return tailPageSeq;
}

/** The batch at the rebuilt tail names its own place; there is nothing else left to name it. */
function positionAt(scan: RingScan, tailPageSeq: number, known: LogPosition): LogPosition {
  if (tailPageSeq === known.pageSeq) return known;
  if (!scan.isCurrent(tailPageSeq)) {
    throw corruption('R7', `the superblock fell back, and page ${tailPageSeq} at the tail is lost`);
  }
  const first = readPageHeader(scan.pages.view, scan.offsetOf(tailPageSeq));
  if (first.batchIndex !== 0) {
    throw corruption('R7', `the superblock fell back, and no batch begins at page ${tailPageSeq}`);
  }
  return {
    pageSeq: tailPageSeq,
    nextLsn: first.firstLsn,
    batchNo: first.batchNo,
    prevDigest: first.prevBatchDigest,
  };
}
