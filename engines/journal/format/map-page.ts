import type { Crc32c } from './crc32c.ts';
import { readU64, viewOf, writeU64 } from './u64.ts';

/**
 * The block map on the medium (README, "Map"): pages of 4096 bytes, each a header of 64 bytes and the
 * entries of 252 blocks. A page names its journal and its own number, so that one of another place, or
 * of another journal, is not taken for it.
 */
export const mapPageBytes = 4096;
const headerBytes = 64;
const entryBytes = 16;
export const entriesPerMapPage = (mapPageBytes - headerBytes) / entryBytes;

/** "JMP1" in the order of the bytes on the medium. */
const mapPageMagic = 0x31504d4a;
const mapPageFormat = 1;

const at = {
  magic: 0,
  format: 4,
  entryCount: 6,
  pageNumber: 8,
  uuid: 16,
  checkpointLsn: 32,
  crc: 60,
} as const;

const entryAt = { physicalLow: 0, physicalHigh: 4, flags: 6, dataDigest: 8, lsnLow: 12 } as const;

const entryFlags = { mapped: 1, hasDigest: 2 } as const;

/** Where a block lies, and what is known of its contents. */
export interface MapEntry {
  readonly physical: number;
  readonly dataDigest: number;
  readonly hasDigest: boolean;
  /** Low 32 bits of the LSN of the record that put it there; for people and tools. */
  readonly lsnLow: number;
}

export function mapPagesFor(dataBlocks: number): number {
  return Math.ceil(dataBlocks / entriesPerMapPage);
}

/** The page that has the block's entry. */
export function mapPageOf(block: number): number {
  return Math.floor(block / entriesPerMapPage);
}

export function mapBytesFor(dataBlocks: number): number {
  return mapPagesFor(dataBlocks) * mapPageBytes;
}

export interface MapPageHeader {
  readonly pageNumber: number;
  readonly uuid: Uint8Array;
  /** The page holds what every record before that LSN says; of later ones it may hold some. */
  readonly checkpointLsn: number;
  readonly entryCount: number;
}

/** Begins a page; entries are put into it, and then it is sealed. */
export function beginMapPage(target: Uint8Array, header: MapPageHeader): void {
  target.fill(0);
  const view = viewOf(target);
  view.setUint32(at.magic, mapPageMagic, true);
  view.setUint16(at.format, mapPageFormat, true);
  view.setUint16(at.entryCount, header.entryCount, true);
  writeU64(view, at.pageNumber, header.pageNumber);
  target.set(header.uuid, at.uuid);
  writeU64(view, at.checkpointLsn, header.checkpointLsn);
}

export function putMapEntry(view: DataView, index: number, entry: MapEntry): void {
  const offset = headerBytes + index * entryBytes;
  const flags = entryFlags.mapped | (entry.hasDigest ? entryFlags.hasDigest : 0);
  view.setUint32(offset + entryAt.physicalLow, entry.physical % 2 ** 32, true);
  view.setUint16(offset + entryAt.physicalHigh, Math.floor(entry.physical / 2 ** 32), true);
  view.setUint16(offset + entryAt.flags, flags, true);
  view.setUint32(offset + entryAt.dataDigest, entry.dataDigest, true);
  view.setUint32(offset + entryAt.lsnLow, entry.lsnLow, true);
}

export function sealMapPage(page: Uint8Array, crc32c: Crc32c): void {
  viewOf(page).setUint32(at.crc, crcOf(page, crc32c), true);
}

/** Whether it is that page of that journal, whole. */
export function isMapPage(
  page: Uint8Array,
  { pageNumber, uuid }: Pick<MapPageHeader, 'pageNumber' | 'uuid'>,
  crc32c: Crc32c,
): boolean {
  const view = viewOf(page);
  return (
    view.getUint32(at.magic, true) === mapPageMagic &&
    view.getUint16(at.format, true) === mapPageFormat &&
    readU64(view, at.pageNumber) === pageNumber &&
    uuid.every((byte, index) => byte === page[at.uuid + index]) &&
    view.getUint32(at.crc, true) === crcOf(page, crc32c)
  );
}

/** Undefined where the block has never been written. */
export function readMapEntry(view: DataView, index: number): MapEntry | undefined {
  const offset = headerBytes + index * entryBytes;
  const flags = view.getUint16(offset + entryAt.flags, true);
  if ((flags & entryFlags.mapped) === 0) return undefined;
  const high = view.getUint16(offset + entryAt.physicalHigh, true);
  return {
    physical: high * 2 ** 32 + view.getUint32(offset + entryAt.physicalLow, true),
    dataDigest: view.getUint32(offset + entryAt.dataDigest, true),
    hasDigest: (flags & entryFlags.hasDigest) !== 0,
    lsnLow: view.getUint32(offset + entryAt.lsnLow, true),
  };
}

const noCrc = new Uint8Array(4);

/** Of the page with its own field zero. */
function crcOf(page: Uint8Array, crc32c: Crc32c): number {
  const head = crc32c(page.subarray(0, at.crc));
  return crc32c(page.subarray(at.crc + 4), crc32c(noCrc, head));
}
