import type { Crc32c } from '../format/crc32c.ts';
import type { LogPosition } from '../format/log-position.ts';
import { foldDigest } from '../format/mix.ts';
import { pageFlags, pageRunOf, type BodySealer, type PageCodec } from '../format/page.ts';
import {
  epochStartBytes,
  segmentHeaderBytes,
  writeEpochStart,
  writeSegmentHeader,
  writeTxnCommit,
  type EpochStart,
} from '../format/payloads.ts';
import { recordTypes } from '../format/record-types.ts';
import { beginRecordHeader, recordHeaderBuffer, recordHeaderBytes } from '../format/record.ts';
import { viewOf, writeU64 } from '../format/u64.ts';
import { BodyWriter } from './body-writer.ts';
import { draftBytes, type Operation, type RecordDraft, type RecordSpan } from './operation.ts';
import { PageSealer, type BatchBuffer, type SealLimits } from './page-sealer.ts';

const nothing = new Uint8Array(0);
const segmentRecordBytes = recordHeaderBytes + segmentHeaderBytes;
const epochRecordBytes = recordHeaderBytes + epochStartBytes;
/** What a batch may have to carry beside an operation: an epoch's start and two segment headers. */
const overheadBytes = epochRecordBytes + 2 * segmentRecordBytes;

/** Largest operation that surely fits in one batch, in bytes of records. */
export function batchCapacityBytes(pageCount: number, codec: PageCodec): number {
  return pageCount * codec.bodyBytes - overheadBytes;
}

export interface SealedBatch {
  readonly bytes: Uint8Array;
  readonly start: LogPosition;
  readonly end: LogPosition;
  /** Its last record belongs to an operation that goes on in the next batch. */
  readonly endsInside: boolean;
  /** Operations of which it holds a record, in order. */
  readonly operations: readonly Operation[];
  /** Of their records in it. */
  readonly operationBytes: number;
  /** Bytes of the pages that no record uses. */
  readonly paddingBytes: number;
}

interface BatchContents {
  readonly flags: number;
  readonly cipher: BodySealer | undefined;
  readonly operations: readonly Operation[];
  readonly operationBytes: number;
  readonly endsInside: boolean;
}

export interface SealerSite {
  readonly codec: PageCodec;
  readonly batchPagesMax: number;
  readonly segmentPages: number;
  readonly head: LogPosition;
  readonly epochStart: EpochStart;
  readonly crc32c: Crc32c;
  /** Encrypts the pages of this epoch, but for the one that names its salt. */
  readonly cipher: BodySealer | undefined;
}

/**
 * Makes batches of what is queued: gives each record its LSN and its place, and computes every
 * checksum. It alone moves the log's head, so LSNs and page numbers never skip or repeat.
 */
export class BatchSealer {
  readonly #codec: PageCodec;
  readonly #capacityBytes: number;
  readonly #segmentPages: number;
  readonly #crc32c: Crc32c;
  readonly #pages: PageSealer;
  readonly #cipher: BodySealer | undefined;
  readonly #header = recordHeaderBuffer();
  #head: LogPosition;
  /** Until the first batch of the epoch, which begins with it. */
  #epochStart: EpochStart | undefined;
  #headedSegment: number;
  #nextLsn: number;
  /** An operation goes on behind what was sealed last. */
  #endsInside = false;

  constructor(site: SealerSite) {
    this.#codec = site.codec;
    this.#capacityBytes = batchCapacityBytes(site.batchPagesMax, site.codec);
    this.#segmentPages = site.segmentPages;
    this.#crc32c = site.crc32c;
    this.#pages = new PageSealer(site.codec, site.segmentPages, site.epochStart.epoch);
    this.#cipher = site.cipher;
    this.#epochStart = site.epochStart;
    this.#head = site.head;
    this.#nextLsn = site.head.nextLsn;
    this.#headedSegment = this.#segmentOf(site.head.pageSeq - 1);
  }

  /** Where the next batch will begin. */
  get head(): LogPosition {
    return this.#head;
  }

  /** For batches to be sealed in. */
  bufferOf(bytes: Uint8Array): BatchBuffer {
    const pages = pageRunOf(bytes);
    return { pages, writer: new BodyWriter(pages, this.#codec, this.#crc32c) };
  }

  /** Takes operations off the front of the queue; undefined where not even the first record fits. */
  seal(queue: Operation[], buffer: BatchBuffer, limits: SealLimits): SealedBatch | undefined {
    if (this.#cipher !== undefined && this.#epochStart !== undefined) {
      return this.#sealEpochStart(buffer, limits);
    }
    const roomBytes = limits.pagesMax * this.#codec.bodyBytes - this.#overhead(limits.pagesMax);
    const operations: Operation[] = [];
    buffer.writer.restart();
    let usedBytes = 0;
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      if (!this.#belongs(next, roomBytes, usedBytes)) break;
      operations.push(next);
      usedBytes += this.#putWhatFits(next, roomBytes - usedBytes, buffer.writer);
      if (next.sealedCount < next.drafts.length) break;
      queue.shift();
      next.onSealed?.();
    }
    const last = operations.at(-1);
    if (last === undefined) return undefined;
    const endsInside = last.sealedCount < last.drafts.length;
    this.#endsInside = endsInside;
    return this.#finish(buffer, limits, {
      flags: 0,
      cipher: this.#cipher,
      operations,
      operationBytes: usedBytes,
      endsInside,
    });
  }

  /** A page without records: all it says is how far the log is durable. */
  sealWatermark(buffer: BatchBuffer, limits: SealLimits): SealedBatch {
    buffer.writer.restart();
    return this.#finish(buffer, limits, {
      flags: pageFlags.watermark,
      cipher: this.#cipher,
      operations: [],
      operationBytes: 0,
      endsInside: this.#endsInside,
    });
  }

  /**
   * The page that names the salt of the epoch's key must be readable without it, so it carries nothing
   * else.
   */
  #sealEpochStart(buffer: BatchBuffer, limits: SealLimits): SealedBatch {
    buffer.writer.restart();
    this.#putOwnRecords(buffer.writer);
    return this.#finish(buffer, limits, {
      flags: 0,
      cipher: undefined,
      operations: [],
      operationBytes: 0,
      endsInside: false,
    });
  }

  /**
   * Whether the operation belongs in this batch: one that fits in a batch is never split, a larger
   * one begins a batch of its own.
   */
  #belongs(operation: Operation, roomBytes: number, usedBytes: number): boolean {
    if (usedBytes + operation.byteCount - operation.sealedBytes <= roomBytes) return true;
    const next = operation.drafts[operation.sealedCount]!;
    const isLarge = operation.byteCount > this.#capacityBytes;
    return isLarge && usedBytes === 0 && draftBytes(next) <= roomBytes;
  }

  /** Answers the bytes put; the engine's own records among them have room of their own. */
  #putWhatFits(operation: Operation, roomBytes: number, writer: BodyWriter): number {
    let putBytes = 0;
    while (operation.sealedCount < operation.drafts.length) {
      const draft = operation.drafts[operation.sealedCount]!;
      const byteCount = draftBytes(draft);
      if (putBytes + byteCount > roomBytes) break;
      this.#putOwnRecords(writer);
      this.#putOperationRecord(operation, draft, writer);
      operation.sealedBytes += byteCount;
      operation.sealedCount += 1;
      putBytes += byteCount;
    }
    return putBytes;
  }

  #putOperationRecord(operation: Operation, draft: RecordDraft, writer: BodyWriter): void {
    const lsn = this.#nextLsn;
    operation.lastLsn = lsn;
    if (operation.isAppend) {
      this.#putRecord(draft, writer);
      return;
    }
    const span = operation.span ?? operation;
    if (span.recordCount === 0) span.firstLsn = lsn;
    completeHead(draft, operation, span);
    draft.noteLsn?.(lsn);
    span.digest = foldDigest(span.digest, this.#putRecord(draft, writer));
    span.recordCount += 1;
  }

  /** Bytes that records of the engine's own may need in a batch of that many pages. */
  #overhead(pagesMax: number): number {
    const lastSegment = this.#segmentOf(this.#head.pageSeq + pagesMax - 1);
    const segments = Math.min(2, lastSegment - this.#headedSegment);
    const epochBytes = this.#epochStart === undefined ? 0 : epochRecordBytes;
    return epochBytes + segments * segmentRecordBytes;
  }

  #putOwnRecords(writer: BodyWriter): void {
    this.#putEpochStart(writer);
    this.#putSegmentHeader(writer);
  }

  #putEpochStart(writer: BodyWriter): void {
    if (this.#epochStart === undefined) return;
    const head = new Uint8Array(epochStartBytes);
    writeEpochStart(head, this.#epochStart);
    this.#epochStart = undefined;
    this.#putRecord(ownRecord(recordTypes.epochStart, head), writer);
  }

  /** The first record that begins in a segment heads it. */
  #putSegmentHeader(writer: BodyWriter): void {
    const segment = this.#segmentOf(this.#head.pageSeq + writer.pageIndex);
    if (segment <= this.#headedSegment) return;
    this.#headedSegment = segment;
    const head = new Uint8Array(segmentHeaderBytes);
    writeSegmentHeader(head, {
      generation: segment >>> 0,
      firstLsn: this.#nextLsn,
      prevLastLsn: this.#nextLsn - 1,
      prevDigest: this.#head.prevDigest,
    });
    this.#putRecord(ownRecord(recordTypes.segmentHeader, head), writer);
  }

  /** Answers the record's CRC. */
  #putRecord(draft: RecordDraft, writer: BodyWriter): number {
    const { type, tenant, vshard, head, data } = draft;
    const lsn = this.#nextLsn++;
    const payloadBytes = head.length + data.length;
    const header = { type, lsn, tenant, vshard, payloadBytes };
    const headerCrc = beginRecordHeader(this.#header, header);
    return writer.putRecord(this.#header, headerCrc, head, data, lsn);
  }

  #finish(buffer: BatchBuffer, limits: SealLimits, contents: BatchContents): SealedBatch {
    const { flags, cipher, operations, operationBytes, endsInside } = contents;
    const start = this.#head;
    const nextLsn = this.#nextLsn;
    const pages = { buffer, limits, flags, cipher, head: start, nextLsn };
    const { pageCount, digest } = this.#pages.seal(pages);
    this.#head = {
      pageSeq: start.pageSeq + pageCount,
      nextLsn,
      batchNo: (start.batchNo + 1) >>> 0,
      prevDigest: digest,
    };
    const bytes = buffer.pages.bytes.subarray(0, pageCount * this.#codec.pageBytes);
    const paddingBytes = pageCount * this.#codec.bodyBytes - buffer.writer.position;
    return { bytes, start, end: this.#head, endsInside, operations, operationBytes, paddingBytes };
  }

  #segmentOf(pageSeq: number): number {
    return Math.floor(pageSeq / this.#segmentPages);
  }
}

/** Fills in what is known only when the transaction has its LSN and its records their CRCs. */
function completeHead({ type, head }: RecordDraft, operation: Operation, span: RecordSpan): void {
  const txid = span.firstLsn;
  if (type === recordTypes.txnBegin) {
    writeU64(viewOf(head), 0, txid);
    viewOf(head).setUint32(8, operation.blocks.length, true);
  } else if (type === recordTypes.txnBlock) {
    writeU64(viewOf(head), 0, txid);
  } else if (type === recordTypes.txnCommit) {
    const { recordCount, digest } = span;
    writeTxnCommit(head, { txid, recordCount, firstLsn: txid, digest });
  }
}

function ownRecord(type: number, head: Uint8Array): RecordDraft {
  return { type, tenant: 0, vshard: 0, head, data: nothing };
}
