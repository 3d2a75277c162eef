import type { Crc32c } from '../format/crc32c.ts';
import { mirrorExtent } from '../format/layout.ts';
import { pageAt, pageMagic, type PageCodec } from '../format/page.ts';
import { pageCodecOf, type Superblock } from '../format/superblock.ts';
import { readU64 } from '../format/u64.ts';
import type { DeviceIo } from '../io/device-io.ts';
import { offsetOfSlot, readRing, type RingContents } from '../recovery/read-ring.ts';

/** Both copies of the ring and what was made of them. */
export interface MirroredRing {
  /** Each slot as the better copy has it. */
  readonly ring: RingContents;
  /** By slot: what one copy has and the other has not. */
  readonly repairs: ReadonlyMap<number, SlotRepair>;
}

interface SlotRepair {
  readonly isRingBehind: boolean;
  /** A copy: the walk over the log changes the pages that it has read. */
  readonly page: Uint8Array;
}

/** The ring, made whole from its mirror where the journal has one. */
export async function readLogPages(
  journal: DeviceIo,
  superblock: Superblock,
  crc32c: Crc32c,
): Promise<MirroredRing> {
  if (superblock.doubleWrite === 'full') return readMirroredRing(journal, superblock, crc32c);
  const ring = await readRing(journal, superblock.layout, { firstSlot: firstSlotOf(superblock) });
  return { ring, repairs: new Map() };
}

function firstSlotOf({ layout, tail }: Superblock): number {
  return tail.pageSeq % layout.ringPages;
}

/**
 * Reads the ring and its mirror and takes, slot by slot, the copy that holds the newest whole page of
 * this journal's; where neither does, the ring's stays as it is for the rules of the tail to judge.
 *
 * A page that was acknowledged was durable in both, so one that is rotten, lost, torn, misdirected or
 * unreadable in one is there in the other. A page that was not acknowledged may come from either: then
 * the batch may be whole only by pages of both, which is one of the ends that a power cut allows.
 */
async function readMirroredRing(
  journal: DeviceIo,
  superblock: Superblock,
  crc32c: Crc32c,
): Promise<MirroredRing> {
  const { layout } = superblock;
  const { pageBytes } = layout;
  const firstSlot = firstSlotOf(superblock);
  const ring = await readRing(journal, layout, { firstSlot });
  const mirror = await readRing(journal, layout, { firstSlot, extent: mirrorExtent(layout) });
  const codec = pageCodecOf(superblock, crc32c);
  const repairs = new Map<number, SlotRepair>();
  const unreadable = new Set(ring.unreadable);
  for (let slot = 0; slot < layout.ringPages; slot++) {
    const page = pageIn(ring, slot, pageBytes);
    const twin = pageIn(mirror, slot, pageBytes);
    const isEitherUnread = ring.unreadable.has(slot) || mirror.unreadable.has(slot);
    if (!isEitherUnread && Buffer.compare(page, twin) === 0) continue;
    const [inRing, inMirror] = [rankOf(ring, slot, codec), rankOf(mirror, slot, codec)];
    const isRingBehind = isNewer(inMirror, inRing);
    if (isRingBehind) {
      page.set(twin);
      unreadable.delete(slot);
    }
    if (inRing === undefined && inMirror === undefined) continue;
    repairs.set(slot, { isRingBehind, page: page.slice() });
  }
  journal.device.release?.(mirror.pages.bytes);
  return { ring: { ...ring, unreadable }, repairs };
}

/**
 * Writes the pages of the log that only one copy holds to the other, durably, so that the next fault
 * finds two again. Pages behind the log's end are left alone: they were never vouched for.
 */
export async function repairLogPages(
  journal: DeviceIo,
  { repairs }: MirroredRing,
  superblock: Superblock,
  endPageSeq: number,
): Promise<number> {
  const { layout, tail } = superblock;
  const { ringPages, pageBytes, extents } = layout;
  let repaired = 0;
  for (let pageSeq = tail.pageSeq; pageSeq < endPageSeq; pageSeq++) {
    const slot = pageSeq % ringPages;
    const repair = repairs.get(slot);
    if (repair === undefined) continue;
    const { byteOffset } = repair.isRingBehind ? extents.ring : mirrorExtent(layout);
    await journal.write('double-write', byteOffset + slot * pageBytes, repair.page, { fua: false });
    repaired += 1;
  }
  if (repaired > 0) await journal.flushPlainWrites();
  return repaired;
}

interface PageRank {
  readonly pageSeq: number;
  readonly epoch: number;
}

/** Undefined where the slot holds no whole page of this journal that belongs there. */
function rankOf(contents: RingContents, slot: number, codec: PageCodec): PageRank | undefined {
  const { pages, unreadable } = contents;
  if (unreadable.has(slot)) return undefined;
  const at = offsetOfSlot(contents, slot, codec.pageBytes);
  const { view } = pages;
  const ringPages = pages.bytes.length / codec.pageBytes;
  const isOurs =
    view.getUint32(at + pageAt.magic, true) === pageMagic &&
    view.getUint32(at + pageAt.journalId, true) === codec.journalId &&
    readU64(view, at + pageAt.pageSeq) % ringPages === slot &&
    codec.isWhole(pages, at);
  if (!isOurs) return undefined;
  const pageSeq = readU64(view, at + pageAt.pageSeq);
  return { pageSeq, epoch: view.getUint32(at + pageAt.epoch, true) };
}

function isNewer(one: PageRank | undefined, other: PageRank | undefined): boolean {
  if (one === undefined) return false;
  if (other === undefined) return true;
  return one.pageSeq > other.pageSeq || (one.pageSeq === other.pageSeq && one.epoch > other.epoch);
}

function pageIn(contents: RingContents, slot: number, pageBytes: number): Uint8Array {
  const at = offsetOfSlot(contents, slot, pageBytes);
  return contents.pages.bytes.subarray(at, at + pageBytes);
}
