import type { Crc32c } from '../format/crc32c.ts';
import type { LogPosition } from '../format/log-position.ts';
import { foldDigest } from '../format/mix.ts';
import {
  pageFlags,
  pageRunOf,
  type BodySealer,
  type PageCodec,
  type PageHeader,
  type PageRun,
} from '../format/page.ts';
import {
  epochStartBytes,
  segmentHeaderBytes,
  writeEpochStart,
  writeSegmentHeader,
  writeTxnCommit,
  type EpochStart,
} from '../format/payloads.ts';
import { recordTypes } from '../format/record-types.ts';
import { recordHeaderBuffer, recordHeaderBytes, writeRecordHeader } from '../format/record.ts';
import { viewOf, writeU64 } from '../format/u64.ts';
import { BodyWriter } from './body-writer.ts';
import { draftBytes, type Operation, type RecordDraft, type RecordSpan } from './operation.ts';

const nothing = new Uint8Array(0);
const segmentRecordBytes = recordHeaderBytes + segmentHeaderBytes;
const epochRecordBytes = recordHeaderBytes + epochStartBytes;
/** What a batch may have to carry beside an operation: an epoch's start and two segment headers. */
const overheadBytes = epochRecordBytes + 2 * segmentRecordBytes;

/** Largest operation that surely fits in one batch, in bytes of records. */
export function batchCapacityBytes(pageCount: number, codec: PageCodec): number {
  return pageCount * codec.bodyBytes - overheadBytes;
}

/** Pages that a batch's frozen bytes lie in; free again when the batch is durable. */
export interface BatchBuffer {
  readonly pages: PageRun;
  readonly writer: BodyWriter;
}

export function batchBufferOf(bytes: Uint8Array, codec: PageCodec): BatchBuffer {
  const pages = pageRunOf(bytes);
  return { pages, writer: new BodyWriter(pages, codec) };
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

export interface SealLimits {
  readonly pagesMax: number;
  readonly tailPageSeq: number;
  readonly durableLsn: number;
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
  readonly #epoch: number;
  readonly #cipher: BodySealer | undefined;
  readonly #header = recordHeaderBuffer();
  #head: LogPosition;
  /** Until the first batch of the epoch, which begins with it. */
  #epochStart: EpochStart | undefined;
  #headedSegment: number;
  #nextLsn: number;
  #writer: BodyWriter | undefined;
  /** An operation goes on behind what was sealed last. */
  #endsInside = false;

  constructor(site: SealerSite) {
    this.#codec = site.codec;
    this.#capacityBytes = batchCapacityBytes(site.batchPagesMax, site.codec);
    this.#segmentPages = site.segmentPages;
    this.#crc32c = site.crc32c;
    this.#epoch = site.epochStart.epoch;
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

  /** Takes operations off the front of the queue; undefined where not even the first record fits. */
  seal(queue: Operation[], buffer: BatchBuffer, limits: SealLimits): SealedBatch | undefined {
    if (this.#cipher !== undefined && this.#epochStart !== undefined) {
      return this.#sealEpochStart(buffer, limits);
    }
    const roomBytes = limits.pagesMax * this.#codec.bodyBytes - this.#overhead(limits.pagesMax);
    const operations: Operation[] = [];
    this.#begin(buffer);
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
    const operationBytes = usedBytes;
    const batch = this.#finish(buffer, limits, 0, this.#cipher);
    return { ...batch, endsInside, operations, operationBytes };
  }

  /** A page without records: all it says is how far the log is durable. */
  sealWatermark(buffer: BatchBuffer, limits: SealLimits): SealedBatch {
    this.#begin(buffer);
    const batch = this.#finish(buffer, limits, pageFlags.watermark, this.#cipher);
    return { ...batch, endsInside: this.#endsInside, operations: [], operationBytes: 0 };
  }

  /**
   * The page that names the salt of the epoch's key must be readable without it, so it carries nothing
   * else.
   */
  #sealEpochStart(buffer: BatchBuffer, limits: SealLimits): SealedBatch {
    this.#begin(buffer);
    this.#putOwnRecords(buffer.writer);
    const batch = this.#finish(buffer, limits, 0, undefined);
    return { ...batch, endsInside: false, operations: [], operationBytes: 0 };
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

  #begin(buffer: BatchBuffer): void {
    this.#writer = buffer.writer;
    buffer.writer.restart();
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
    const crc = writeRecordHeader(this.#header, header, head, data, this.#crc32c);
    writer.beginRecord(lsn);
    writer.put(this.#header.bytes, lsn);
    if (head.length > 0) writer.put(head, lsn);
    writer.put(data, lsn);
    return crc;
  }

  #finish(
    { pages, writer }: BatchBuffer,
    limits: SealLimits,
    flags: number,
    cipher: BodySealer | undefined,
  ): Pick<SealedBatch, 'bytes' | 'start' | 'end' | 'paddingBytes'> {
    const pageCount = Math.max(1, writer.pageCount);
    writer.clearRest(pageCount);
    let digest = 0;
    for (let index = 0; index < pageCount; index++) {
      const header = this.#headerOf(index, pageCount, limits, flags);
      const crc = this.#codec.seal(pages, index * this.#codec.pageBytes, header, cipher);
      digest = foldDigest(digest, crc);
    }
    const start = this.#head;
    this.#head = {
      pageSeq: start.pageSeq + pageCount,
      nextLsn: this.#nextLsn,
      batchNo: (start.batchNo + 1) >>> 0,
      prevDigest: digest,
    };
    const paddingBytes = pageCount * this.#codec.bodyBytes - writer.position;
    const bytes = pages.bytes.subarray(0, pageCount * this.#codec.pageBytes);
    return { bytes, start, end: this.#head, paddingBytes };
  }

  #headerOf(index: number, pageCount: number, limits: SealLimits, flags: number): PageHeader {
    const writer = this.#writer!;
    const pageSeq = this.#head.pageSeq + index;
    return {
      flags:
        flags |
        (index === 0 ? pageFlags.first : 0) |
        (index === pageCount - 1 ? pageFlags.last : 0) |
        (pageSeq % this.#segmentPages === 0 ? pageFlags.segmentHeader : 0),
      pageSeq,
      epoch: this.#epoch,
      used: writer.usedIn(index),
      firstRecord: writer.firstRecord[index]!,
      firstLsn: writer.position === 0 ? this.#nextLsn : writer.firstLsn[index]!,
      durableLsn: limits.durableLsn,
      tailDistance: pageSeq - limits.tailPageSeq,
      batchNo: this.#head.batchNo,
      batchIndex: index,
      batchPages: pageCount,
      prevBatchDigest: this.#head.prevDigest,
    };
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
