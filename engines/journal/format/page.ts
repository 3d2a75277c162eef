import assert from 'node:assert/strict';
import { crc32cOfFew, type Crc32c } from './crc32c.ts';
import { fixedShiftOf, type FixedShift } from './crc32c-shift.ts';
import { stampOf } from './stamp.ts';
import { readU64, viewOf, writeU64 } from './u64.ts';

/**
 * The journal page: 64 bytes of envelope, then a slice of the record stream (README, "Page").
 * A page is written once and never changed; its absolute number, page_seq, is its identity.
 */
export const pageSizes = [4096, 16384] as const;
export type PageBytes = (typeof pageSizes)[number];
const envelopeBytes = 64;
/** Stamped pages only: the stamp of the first sector, then the words that the others displaced. */
export const firstStampAt = envelopeBytes;
const displacedAt = firstStampAt + 4;
/** "NJPG" in the order of the bytes on the medium. */
export const pageMagic = 0x47504a4e;
export const pageFormat = 1;
/** `first_rec` of a page in which no record begins. */
export const noRecordBegins = 0xffff;

export const pageFlags = {
  encrypted: 1,
  first: 2,
  last: 4,
  empty: 8,
  segmentHeader: 16,
  watermark: 32,
  stamped: 64,
} as const;

/** Byte offsets within a page. */
export const pageAt = {
  magic: 0,
  format: 4,
  flags: 6,
  pageSeq: 8,
  epoch: 16,
  used: 20,
  firstRecord: 22,
  firstLsn: 24,
  durableLsn: 32,
  tailDistance: 40,
  batchNo: 44,
  batchIndex: 48,
  batchPages: 50,
  prevBatchDigest: 52,
  journalId: 56,
  crc: 60,
} as const;

/** What the envelope says, beside what the codec adds. */
export interface PageHeader {
  readonly flags: number;
  readonly pageSeq: number;
  readonly epoch: number;
  readonly used: number;
  readonly firstRecord: number;
  readonly firstLsn: number;
  readonly durableLsn: number;
  readonly tailDistance: number;
  readonly batchNo: number;
  readonly batchIndex: number;
  readonly batchPages: number;
  readonly prevBatchDigest: number;
}

/** What makes a journal's pages its own: they fail the CRC of every other journal. */
export interface JournalIdentity {
  readonly uuid: Uint8Array;
  readonly salt: number;
}

export interface PageShape {
  readonly pageBytes: number;
  /** What power loss does not tear. */
  readonly atomicUnitBytes: number;
  readonly isEncrypted?: boolean;
}

/** Encrypts the body of a page in place and puts its tag behind it; crypto/page-cipher.ts. */
export interface BodySealer {
  sealBody(bytes: Uint8Array, pageAt: number): void;
}

const tagBytes = 16;

/** Several pages in a row, with a view over the same bytes. */
export interface PageRun {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export function pageRunOf(bytes: Uint8Array): PageRun {
  assert.equal(bytes.length % pageSizes[0], 0, 'a run of pages is whole pages');
  return { bytes, view: viewOf(bytes) };
}

export class PageCodec {
  readonly journalId: number;
  readonly pageBytes: number;
  /** Bytes of a sector that carries a stamp; `pageBytes` where pages are not stamped. */
  readonly sectorBytes: number;
  readonly bodyOffset: number;
  /** Bytes of records that a page holds. */
  readonly bodyBytes: number;
  /** The end of every page is kept for the tag of its body. */
  readonly isEncrypted: boolean;
  readonly #crc32c: Crc32c;
  readonly #crcSeed: number;
  /** Over a body; made when the first page is sealed. */
  #bodyShift: FixedShift | undefined;

  constructor(
    identity: JournalIdentity,
    { pageBytes, atomicUnitBytes, isEncrypted = false }: PageShape,
    crc32c: Crc32c,
  ) {
    this.pageBytes = pageBytes;
    this.isEncrypted = isEncrypted;
    const salted = new Uint8Array(20);
    salted.set(identity.uuid);
    viewOf(salted).setUint32(16, identity.salt, true);
    this.#crc32c = crc32c;
    this.#crcSeed = crc32c(salted);
    this.journalId = (identity.salt ^ viewOf(salted).getUint32(0, true)) >>> 0;
    this.sectorBytes = Math.min(atomicUnitBytes, pageBytes);
    const sectors = pageBytes / this.sectorBytes;
    this.bodyOffset = sectors === 1 ? envelopeBytes : displacedAt + 4 * (sectors - 1);
    this.bodyBytes = pageBytes - this.bodyOffset - (isEncrypted ? tagBytes : 0);
  }

  get isStamped(): boolean {
    return this.sectorBytes < this.pageBytes;
  }

  /**
   * Writes the envelope, the tag and the stamps around a body that is in place; answers the page's
   * CRC, which is that of the encrypted page: what became of it can be told without a key. Without a
   * `sealer` the body stays as it is.
   */
  seal({ bytes, view }: PageRun, at: number, header: PageHeader, sealer?: BodySealer): number {
    const encrypted = sealer === undefined ? 0 : pageFlags.encrypted;
    this.#writeEnvelope(view, at, header, encrypted);
    if (sealer !== undefined) sealer.sealBody(bytes, at);
    else if (this.isEncrypted) bytes.fill(0, at + this.pageBytes - tagBytes, at + this.pageBytes);
    this.#stamp(view, at, stampOf(header.pageSeq, header.epoch, this.journalId));
    const crc = this.#crcOf(bytes, at);
    view.setUint32(at + pageAt.crc, crc, true);
    return crc;
  }

  /** Whether nothing but `seal` changes a body, so that `sealSummed` can be told its CRC. */
  get sumsBodies(): boolean {
    return !this.isStamped && !this.isEncrypted;
  }

  /** The same as `seal` where the CRC-32C of the body's bytes is known: they are not read again. */
  sealSummed({ bytes, view }: PageRun, at: number, header: PageHeader, bodyCrc: number): number {
    assert(this.sumsBodies);
    this.#writeEnvelope(view, at, header, 0);
    const envelopeCrc = crc32cOfFew(bytes, at, at + envelopeBytes, this.#crcSeed);
    this.#bodyShift ??= fixedShiftOf(this.bodyBytes);
    const crc = (this.#bodyShift.of(envelopeCrc) ^ bodyCrc) >>> 0;
    view.setUint32(at + pageAt.crc, crc, true);
    return crc;
  }

  /** Whether the page's CRC fits, which no page of another journal's does. */
  isWhole({ bytes, view }: PageRun, at: number): boolean {
    const stored = view.getUint32(at + pageAt.crc, true);
    view.setUint32(at + pageAt.crc, 0, true);
    const computed = this.#crcOf(bytes, at);
    view.setUint32(at + pageAt.crc, stored, true);
    return computed === stored;
  }

  /** Puts the words that the stamps displaced back in their places; the CRC no longer fits. */
  unstamp({ view }: PageRun, at: number): void {
    for (let offset = this.sectorBytes, kept = displacedAt; offset < this.pageBytes; kept += 4) {
      view.setUint32(at + offset, view.getUint32(at + kept, true), true);
      offset += this.sectorBytes;
    }
  }

  #stamp(view: DataView, at: number, stamp: number): void {
    if (this.isStamped) view.setUint32(at + firstStampAt, stamp, true);
    for (let offset = this.sectorBytes, kept = displacedAt; offset < this.pageBytes; kept += 4) {
      view.setUint32(at + kept, view.getUint32(at + offset, true), true);
      view.setUint32(at + offset, stamp, true);
      offset += this.sectorBytes;
    }
  }

  #writeEnvelope(view: DataView, at: number, header: PageHeader, encrypted: number): void {
    const stamped = this.isStamped ? pageFlags.stamped : 0;
    view.setUint32(at + pageAt.magic, pageMagic, true);
    view.setUint16(at + pageAt.format, pageFormat, true);
    view.setUint16(at + pageAt.flags, header.flags | stamped | encrypted, true);
    writeU64(view, at + pageAt.pageSeq, header.pageSeq);
    view.setUint32(at + pageAt.epoch, header.epoch, true);
    view.setUint16(at + pageAt.used, header.used, true);
    view.setUint16(at + pageAt.firstRecord, header.firstRecord, true);
    writeU64(view, at + pageAt.firstLsn, header.firstLsn);
    writeU64(view, at + pageAt.durableLsn, header.durableLsn);
    view.setUint32(at + pageAt.tailDistance, header.tailDistance, true);
    view.setUint32(at + pageAt.batchNo, header.batchNo, true);
    view.setUint16(at + pageAt.batchIndex, header.batchIndex, true);
    view.setUint16(at + pageAt.batchPages, header.batchPages, true);
    view.setUint32(at + pageAt.prevBatchDigest, header.prevBatchDigest, true);
    view.setUint32(at + pageAt.journalId, this.journalId, true);
    view.setUint32(at + pageAt.crc, 0, true);
  }

  #crcOf(bytes: Uint8Array, at: number): number {
    return this.#crc32c(bytes.subarray(at, at + this.pageBytes), this.#crcSeed);
  }
}

/** The envelope of a page that has been found whole. */
export function readPageHeader(view: DataView, at: number): PageHeader {
  return {
    flags: view.getUint16(at + pageAt.flags, true),
    pageSeq: readU64(view, at + pageAt.pageSeq),
    epoch: view.getUint32(at + pageAt.epoch, true),
    used: view.getUint16(at + pageAt.used, true),
    firstRecord: view.getUint16(at + pageAt.firstRecord, true),
    firstLsn: readU64(view, at + pageAt.firstLsn),
    durableLsn: readU64(view, at + pageAt.durableLsn),
    tailDistance: view.getUint32(at + pageAt.tailDistance, true),
    batchNo: view.getUint32(at + pageAt.batchNo, true),
    batchIndex: view.getUint16(at + pageAt.batchIndex, true),
    batchPages: view.getUint16(at + pageAt.batchPages, true),
    prevBatchDigest: view.getUint32(at + pageAt.prevBatchDigest, true),
  };
}

/** The page of a ring that has never been written: lap 0, epoch 0, nothing in it. */
export function emptyPageHeader(slot: number): PageHeader {
  return {
    flags: pageFlags.empty,
    pageSeq: slot,
    epoch: 0,
    used: 0,
    firstRecord: noRecordBegins,
    firstLsn: 0,
    durableLsn: 0,
    tailDistance: 0,
    batchNo: 0,
    batchIndex: 0,
    batchPages: 1,
    prevBatchDigest: 0,
  };
}
