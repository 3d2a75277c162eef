import { crc32c } from '@node-rs/crc32';
import type { DeviceGeometry } from '../../../harness/contract/index.ts';
import type { History, RecordedWrite } from '../../../harness/drive/history.ts';
import type { SparseImage } from '../../../harness/drive/image.ts';
import { blockBytes, superblockSlots, type Extent } from '../format/layout.ts';
import { pageAt, pageMagic, pageRunOf, readPageHeader, type PageHeader } from '../format/page.ts';
import {
  decodeSuperblock,
  pageCodecOf,
  superblockBytes,
  type Superblock,
} from '../format/superblock.ts';

/** What stands on a medium, and what a history wrote there, as the format says. */
export function bytesAt(image: SparseImage, byteOffset: number, byteCount: number): Uint8Array {
  const bytes = new Uint8Array(byteCount);
  image.read(byteOffset, bytes);
  return bytes;
}

/** By slot; undefined where no whole superblock stands. */
export function superblocksOn(
  image: SparseImage,
  geometry: DeviceGeometry,
): readonly (Superblock | undefined)[] {
  return superblockSlots(geometry).map((at) => superblockIn(bytesAt(image, at, superblockBytes)));
}

export function newestOn(image: SparseImage, geometry: DeviceGeometry): Superblock {
  const found = superblocksOn(image, geometry).filter((one) => one !== undefined);
  return found.sort((a, b) => b.sequence - a.sequence)[0]!;
}

function superblockIn(bytes: Uint8Array): Superblock | undefined {
  const contents = decodeSuperblock(bytes, crc32c);
  return contents.kind === 'valid' ? contents.superblock : undefined;
}

export interface FoundPage {
  readonly slot: number;
  readonly header: PageHeader;
}

/** The whole pages of this journal that stand in the ring, EMPTY ones included. */
export function pagesOn(
  image: SparseImage,
  superblock: Superblock,
  extent: Extent = superblock.layout.extents.ring,
): FoundPage[] {
  return pagesIn(bytesAt(image, extent.byteOffset, extent.byteCount), superblock, 0);
}

function pagesIn(bytes: Uint8Array, superblock: Superblock, firstSlot: number): FoundPage[] {
  const codec = pageCodecOf(superblock, crc32c);
  const run = pageRunOf(bytes);
  const pages: FoundPage[] = [];
  for (let at = 0; at < bytes.length; at += codec.pageBytes) {
    const isOurs = run.view.getUint32(at + pageAt.magic, true) === pageMagic;
    if (!isOurs || !codec.isWhole(run, at)) continue;
    pages.push({ slot: firstSlot + at / codec.pageBytes, header: readPageHeader(run.view, at) });
  }
  return pages;
}

/** The pages of the log: from the tail on, of the epoch that owns their place. */
export function logPagesOn(image: SparseImage, superblock: Superblock): FoundPage[] {
  const { tail, epochs } = superblock;
  const live = pagesOn(image, superblock).filter(({ header }) => {
    const owner = epochs.findLast(({ firstPageSeq }) => firstPageSeq <= header.pageSeq);
    return header.pageSeq >= tail.pageSeq && owner?.epoch === header.epoch;
  });
  return live.sort((a, b) => a.header.pageSeq - b.header.pageSeq);
}

export interface PageWrite {
  readonly submitted: number;
  /** From this event on it cannot be lost any more; Infinity if never. */
  readonly durableAt: number;
  readonly pages: readonly FoundPage[];
}

/** What was written to the ring, or to its mirror, in the order of submission. */
export function pageWritesOf(
  history: History,
  superblock: Superblock,
  extent: Extent = superblock.layout.extents.ring,
): PageWrite[] {
  return writesInto(history, extent).map(({ write, byteOffset }) => ({
    submitted: write.submitted,
    durableAt: durableAt(history, write),
    pages: pagesIn(
      write.payload,
      superblock,
      (byteOffset - extent.byteOffset) / superblock.layout.pageBytes,
    ),
  }));
}

/** The bytes of each page that was written to the ring, in the order of submission. */
export function pagePayloadsOf(
  history: History,
  { layout: { extents, pageBytes } }: Superblock,
): Uint8Array[] {
  return writesInto(history, extents.ring).flatMap(({ write: { payload } }) =>
    Array.from({ length: payload.length / pageBytes }, (_, index) =>
      payload.subarray(index * pageBytes, (index + 1) * pageBytes),
    ),
  );
}

export interface SuperblockWrite {
  readonly submitted: number;
  /** Of the later of the two copies. */
  readonly durableAt: number;
  readonly superblock: Superblock;
  readonly payload: Uint8Array;
}

/** Updates of the superblock, each once, in the order of submission. */
export function superblockWritesOf(history: History, geometry: DeviceGeometry): SuperblockWrite[] {
  const updates = new Map<number, SuperblockWrite>();
  for (const byteOffset of superblockSlots(geometry)) {
    for (const { write } of writesInto(history, { byteOffset, byteCount: superblockBytes })) {
      const { submitted, payload } = write;
      const superblock = superblockIn(payload)!;
      const first = updates.get(superblock.sequence);
      updates.set(superblock.sequence, {
        submitted: Math.min(submitted, first?.submitted ?? Infinity),
        durableAt: Math.max(durableAt(history, write), first?.durableAt ?? 0),
        superblock,
        payload,
      });
    }
  }
  return [...updates.values()].sort((a, b) => a.submitted - b.submitted);
}

export interface BlockWrite {
  readonly submitted: number;
  readonly completed: number;
  readonly durableAt: number;
  /** Of the data area, from 0. */
  readonly block: number;
  readonly bytes: Uint8Array;
}

/** Blocks written in the extent, one entry each, in the order of submission. */
export function blockWritesOf(history: History, extent: Extent): BlockWrite[] {
  return writesInto(history, extent).flatMap(({ write, byteOffset }) => {
    const { submitted, completed = Infinity, payload } = write;
    const durable = durableAt(history, write);
    return Array.from({ length: payload.length / blockBytes }, (_, index) => ({
      submitted,
      completed,
      durableAt: durable,
      block: (byteOffset - extent.byteOffset) / blockBytes + index,
      bytes: payload.subarray(index * blockBytes, (index + 1) * blockBytes),
    }));
  });
}

function writesInto(
  history: History,
  extent: Extent,
): { readonly write: RecordedWrite; readonly byteOffset: number }[] {
  const end = extent.byteOffset + extent.byteCount;
  return [...history.writes].flatMap((write) => {
    const { unitBytes } = history.deviceOf(write.device).base;
    const byteOffset = write.landsAtUnit * unitBytes;
    return byteOffset >= extent.byteOffset && byteOffset < end ? [{ write, byteOffset }] : [];
  });
}

/** The completion of the write where that suffices, else of a flush submitted after it. */
function durableAt(history: History, { completed, durable }: RecordedWrite): number {
  if (completed === undefined) return Infinity;
  if (durable) return completed;
  const flush = history.flushes.find(
    ({ submitted, effect }) => submitted > completed && effect === 'persisted',
  );
  return flush?.completed ?? Infinity;
}
