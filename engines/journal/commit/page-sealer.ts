import type { LogPosition } from '../format/log-position.ts';
import { foldDigest } from '../format/mix.ts';
import {
  noRecordBegins,
  pageFlags,
  type BodySealer,
  type PageCodec,
  type PageHeader,
  type PageRun,
} from '../format/page.ts';
import type { BodyWriter } from './body-writer.ts';

/** Pages that a batch's frozen bytes lie in; free again when the batch is durable. */
export interface BatchBuffer {
  readonly pages: PageRun;
  readonly writer: BodyWriter;
}

export interface SealLimits {
  readonly pagesMax: number;
  readonly tailPageSeq: number;
  readonly durableLsn: number;
}

export interface PagesToSeal {
  readonly buffer: BatchBuffer;
  readonly limits: SealLimits;
  readonly flags: number;
  readonly cipher: BodySealer | undefined;
  /** Where the batch begins. */
  readonly head: LogPosition;
  /** Behind the last record in it. */
  readonly nextLsn: number;
}

export interface SealedPages {
  readonly pageCount: number;
  /** Of the pages' CRCs. */
  readonly digest: number;
}

/** Writes the envelopes of a batch's pages around bodies that are in place. */
export class PageSealer {
  readonly #codec: PageCodec;
  readonly #segmentPages: number;
  /** One object for all pages: the codec does not keep it. */
  readonly #header: { -readonly [Field in keyof PageHeader]: PageHeader[Field] };

  constructor(codec: PageCodec, segmentPages: number, epoch: number) {
    this.#codec = codec;
    this.#segmentPages = segmentPages;
    this.#header = {
      flags: 0,
      pageSeq: 0,
      epoch,
      used: 0,
      firstRecord: noRecordBegins,
      firstLsn: 0,
      durableLsn: 0,
      tailDistance: 0,
      batchNo: 0,
      batchIndex: 0,
      batchPages: 0,
      prevBatchDigest: 0,
    };
  }

  seal(batch: PagesToSeal): SealedPages {
    const pageCount = batch.buffer.writer.finish();
    let digest = 0;
    for (let index = 0; index < pageCount; index++) {
      this.#describe(index, pageCount, batch);
      digest = foldDigest(digest, this.#sealPage(index, batch));
    }
    return { pageCount, digest };
  }

  /** Answers the page's CRC. */
  #sealPage(index: number, { buffer: { pages, writer }, cipher }: PagesToSeal): number {
    const at = index * this.#codec.pageBytes;
    return this.#codec.sumsBodies
      ? this.#codec.sealSummed(pages, at, this.#header, writer.bodyCrc[index]!)
      : this.#codec.seal(pages, at, this.#header, cipher);
  }

  #describe(index: number, pageCount: number, batch: PagesToSeal): void {
    const { head, limits, nextLsn } = batch;
    const { writer } = batch.buffer;
    const header = this.#header;
    const pageSeq = head.pageSeq + index;
    header.flags =
      batch.flags |
      (index === 0 ? pageFlags.first : 0) |
      (index === pageCount - 1 ? pageFlags.last : 0) |
      (pageSeq % this.#segmentPages === 0 ? pageFlags.segmentHeader : 0);
    header.pageSeq = pageSeq;
    header.used = writer.usedIn(index);
    header.firstRecord = writer.firstRecord[index]!;
    header.firstLsn = writer.position === 0 ? nextLsn : writer.firstLsn[index]!;
    header.durableLsn = limits.durableLsn;
    header.tailDistance = pageSeq - limits.tailPageSeq;
    header.batchNo = head.batchNo;
    header.batchIndex = index;
    header.batchPages = pageCount;
    header.prevBatchDigest = head.prevDigest;
  }
}
