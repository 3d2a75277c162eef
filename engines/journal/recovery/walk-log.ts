import assert from 'node:assert/strict';
import { EngineRefusal } from '../../../harness/contract/index.ts';
import type { JournalKeys } from '../crypto/journal-keys.ts';
import type { Crc32c } from '../format/crc32c.ts';
import type { LogPosition } from '../format/log-position.ts';
import { foldDigest } from '../format/mix.ts';
import {
  pageAt,
  pageFlags,
  readPageHeader,
  type PageHeader,
  type PageRun,
} from '../format/page.ts';
import type { EpochStart } from '../format/payloads.ts';
import {
  isRecordWhole,
  readRecordHeader,
  recordAt,
  recordFormat,
  recordHeaderBytes,
  recordMagic,
} from '../format/record.ts';
import { recordTypes } from '../format/record-types.ts';
import { corruption } from './corruption.ts';
import { epochStartOf } from './epoch-start.ts';
import type { RingScan } from './ring-scan.ts';

/** A record in the stream; `at` is the offset of its header there. */
export interface WalkedRecord {
  readonly at: number;
  readonly type: number;
  readonly lsn: number;
  readonly tenant: number;
  readonly vshard: number;
  readonly payloadBytes: number;
}

export interface WalkedBatch {
  readonly start: LogPosition;
  readonly end: LogPosition;
  readonly records: readonly WalkedRecord[];
}

export interface WalkedLog {
  readonly batches: readonly WalkedBatch[];
  readonly end: LogPosition;
  /**
   * The bodies of all pages walked, one after the other: records without gaps. It lies in the memory
   * of the ring, in place of those pages; those from the end on are as they were.
   */
  readonly stream: Uint8Array;
}

/**
 * Follows the log from its tail over every whole batch that carries on the one before: the maximal
 * contiguous prefix. Stops at the first batch that is not there; what that means is for the tail
 * rules to say.
 */
export function walkLog(
  scan: RingScan,
  tail: LogPosition,
  crc32c: Crc32c,
  keys: JournalKeys | undefined,
): WalkedLog {
  const walker = new LogWalker(scan, tail, crc32c, keys);
  walker.walk(scan.ringPages);
  return walker.log;
}

/** The walk in pieces, so that it can follow the reads. */
export class LogWalker {
  readonly #batches: WalkedBatch[] = [];
  #end: LogPosition;
  #isAtEnd = false;
  readonly #scan: RingScan;
  readonly #stream: PageRun;
  readonly #crc32c: Crc32c;
  readonly #keys: JournalKeys | undefined;
  #streamEnd = 0;

  constructor(scan: RingScan, tail: LogPosition, crc32c: Crc32c, keys: JournalKeys | undefined) {
    // What is moved together never reaches the page it is moved from.
    assert.equal(scan.offsetOf(tail.pageSeq), 0, 'the pages begin with the tail');
    this.#end = tail;
    this.#scan = scan;
    this.#stream = scan.pages;
    this.#crc32c = crc32c;
    this.#keys = keys;
  }

  /** What has been walked so far. */
  get log(): WalkedLog {
    return { batches: this.#batches, end: this.#end, stream: this.#stream.bytes };
  }

  /** Goes on as far as the first so many pages from the tail reach: they have been classified. */
  walk(pageCount: number): void {
    const readyTo = this.#scan.bounds.tailPageSeq + pageCount;
    while (!this.#isAtEnd) {
      const first = this.#batchAt(this.#end, readyTo);
      if (first === 'not-read') return;
      if (first === undefined) this.#isAtEnd = true;
      else this.#take(first);
    }
  }

  /** The first page of the batch that carries on the log; undefined where the log ends. */
  #batchAt(position: LogPosition, readyTo: number): PageHeader | 'not-read' | undefined {
    const { bounds, ringPages } = this.#scan;
    const room = bounds.tailPageSeq + ringPages - position.pageSeq;
    if (room <= 0) return undefined;
    if (position.pageSeq >= readyTo) return 'not-read';
    if (!this.#scan.isCurrent(position.pageSeq)) return undefined;
    const at = this.#scan.offsetOf(position.pageSeq);
    const first = readPageHeader(this.#scan.pages.view, at);
    if (first.batchIndex !== 0 || first.batchPages < 1 || first.batchPages > room) return undefined;
    if (position.pageSeq + first.batchPages > readyTo) return 'not-read';
    return this.#isWhole(first) && this.#followsOn(position, first, at) ? first : undefined;
  }

  #take(first: PageHeader): void {
    const digest = this.#digestOf(first);
    const start = { ...this.#end, nextLsn: first.firstLsn };
    const records = this.#parse(first);
    this.#end = {
      pageSeq: first.pageSeq + first.batchPages,
      nextLsn: first.firstLsn + records.length,
      batchNo: (first.batchNo + 1) >>> 0,
      prevDigest: digest,
    };
    this.#batches.push({ start, end: this.#end, records });
  }

  #isWhole({ pageSeq, batchNo, batchPages }: PageHeader): boolean {
    const { view } = this.#scan.pages;
    for (let index = 1; index < batchPages; index++) {
      if (!this.#scan.isCurrent(pageSeq + index)) return false;
      const at = this.#scan.offsetOf(pageSeq + index);
      const isOfBatch =
        view.getUint32(at + pageAt.batchNo, true) === batchNo &&
        view.getUint16(at + pageAt.batchIndex, true) === index &&
        view.getUint16(at + pageAt.batchPages, true) === batchPages;
      if (!isOfBatch) return false;
    }
    return true;
  }

  /** The chain: each batch names the one before by number, digest and LSN. */
  #followsOn(position: LogPosition, first: PageHeader, at: number): boolean {
    if (first.batchNo !== position.batchNo) return false;
    if (first.prevBatchDigest !== position.prevDigest) return false;
    return first.firstLsn === position.nextLsn || this.#startsEpochAfter(position, first, at);
  }

  /** LSNs may leap at the start of an epoch, over those that dead pages have used. */
  #startsEpochAfter(position: LogPosition, first: PageHeader, at: number): boolean {
    const start = epochStartOf(this.#scan.pages, at, this.#scan.codec);
    return (
      start !== undefined &&
      first.firstLsn > position.nextLsn &&
      start.firstLsn === first.firstLsn &&
      start.prevLastLsn === position.nextLsn - 1
    );
  }

  #digestOf({ pageSeq, batchPages }: PageHeader): number {
    const { view } = this.#scan.pages;
    let digest = 0;
    for (let index = 0; index < batchPages; index++) {
      const at = this.#scan.offsetOf(pageSeq + index);
      digest = foldDigest(digest, view.getUint32(at + pageAt.crc, true));
    }
    return digest;
  }

  #parse(first: PageHeader): WalkedRecord[] {
    const start = this.#streamEnd;
    for (let index = 0; index < first.batchPages; index++) this.#append(first.pageSeq + index);
    const records: WalkedRecord[] = [];
    const isPlain = this.#isPlainStart(first);
    for (let at = start; at < this.#streamEnd;) {
      const record = this.#recordAt(at, first.firstLsn + records.length);
      if (isPlain && !isOfEpochPage(record.type)) throw plainPage(first.pageSeq);
      records.push(record);
      at += recordHeaderBytes + record.payloadBytes;
    }
    return records;
  }

  /** The page that begins an epoch of an encrypted journal carries nothing but the log's own records. */
  #isPlainStart({ flags }: PageHeader): boolean {
    return this.#scan.codec.isEncrypted && (flags & pageFlags.encrypted) === 0;
  }

  #append(pageSeq: number): void {
    const { pages, codec } = this.#scan;
    const at = this.#scan.offsetOf(pageSeq);
    const used = pages.view.getUint16(at + pageAt.used, true);
    if (used > codec.bodyBytes) {
      throw corruption('record', `page ${pageSeq} says that ${used} bytes of it are used`);
    }
    openBody(this.#scan, pageSeq, this.#keys);
    const bodyAt = at + codec.bodyOffset;
    pages.bytes.copyWithin(this.#streamEnd, bodyAt, bodyAt + used);
    this.#streamEnd += used;
  }

  #recordAt(at: number, expectedLsn: number): WalkedRecord {
    const left = this.#streamEnd - at;
    if (left < recordHeaderBytes) throw damagedRecord(expectedLsn, 'its header is cut short');
    this.#checkFormat(at, expectedLsn);
    const { view, bytes } = this.#stream;
    const { type, lsn, tenant, vshard, payloadBytes } = readRecordHeader(view, at);
    if (payloadBytes > left - recordHeaderBytes) {
      throw damagedRecord(expectedLsn, 'its payload does not end within its batch');
    }
    const end = at + recordHeaderBytes + payloadBytes;
    if (!isRecordWhole(bytes, view, at, end, this.#crc32c)) {
      throw damagedRecord(expectedLsn, 'its CRC does not fit');
    }
    if (lsn !== expectedLsn) throw damagedRecord(expectedLsn, `it says ${lsn}`);
    return { at, type, lsn, tenant, vshard, payloadBytes };
  }

  #checkFormat(at: number, expectedLsn: number): void {
    if (this.#stream.view.getUint32(at + recordAt.magic, true) !== recordMagic) {
      throw damagedRecord(expectedLsn, 'its magic is wrong');
    }
    const version = this.#stream.view.getUint16(at + recordAt.format, true);
    if (version === recordFormat) return;
    throw new EngineRefusal(
      'incompatible',
      `the record with LSN ${expectedLsn} has format version ${version}, expected ${recordFormat}`,
    );
  }
}

/**
 * Makes the body of a whole page readable, in place: puts back what the stamps displaced and decrypts
 * it. A page that begins an epoch brings the salt with which the others of it were encrypted.
 */
export function openBody(scan: RingScan, pageSeq: number, keys: JournalKeys | undefined): void {
  const { codec, pages } = scan;
  const at = scan.offsetOf(pageSeq);
  const start = keys && epochStartOf(pages, at, codec);
  codec.unstamp(pages, at);
  if (start !== undefined) keys!.noteSalt(start.epoch, start.salt);
  const isEncrypted = (pages.view.getUint16(at + pageAt.flags, true) & pageFlags.encrypted) !== 0;
  if (!isEncrypted) {
    if (codec.isEncrypted && !beginsEpoch(scan, pageSeq, start)) throw plainPage(pageSeq);
    return;
  }
  if (keys === undefined)
    throw corruption('record', `page ${pageSeq} is encrypted, and the journal is not`);
  const epoch = pages.view.getUint32(at + pageAt.epoch, true);
  keys.open(codec, pages.bytes, at, pageSeq, epoch);
}

/** Alone in its batch, and where the epoch table has its epoch begin. */
function beginsEpoch(scan: RingScan, pageSeq: number, start: EpochStart | undefined): boolean {
  const header = readPageHeader(scan.pages.view, scan.offsetOf(pageSeq));
  return (
    start?.epoch === header.epoch &&
    header.batchIndex === 0 &&
    header.batchPages === 1 &&
    scan.bounds.epochs.some(
      (entry) => entry.epochFrom === header.epoch && entry.firstPageSeq === pageSeq,
    )
  );
}

/** Whoever can write to the device could otherwise put records of his own into the log. */
function plainPage(pageSeq: number): EngineRefusal {
  return corruption(
    'record',
    `page ${pageSeq} is not encrypted, in a journal whose pages are: somebody has written it`,
  );
}

function isOfEpochPage(type: number): boolean {
  return type === recordTypes.epochStart || type === recordTypes.segmentHeader;
}

function damagedRecord(lsn: number, found: string): EngineRefusal {
  return corruption('record', `the record with LSN ${lsn} is damaged within whole pages: ${found}`);
}
