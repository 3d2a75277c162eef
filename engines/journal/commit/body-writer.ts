import { noRecordBegins, type PageCodec, type PageRun } from '../format/page.ts';

/**
 * Lays the record stream into the bodies of a run of pages, and notes for each page which record
 * begins first in it. A page in which none begins names the record that runs through it.
 */
export class BodyWriter {
  readonly firstRecord: Uint16Array;
  readonly firstLsn: Float64Array;
  /** Bytes of the stream so far. */
  position = 0;
  readonly #pages: PageRun;
  readonly #codec: PageCodec;

  constructor(pages: PageRun, codec: PageCodec) {
    this.#pages = pages;
    this.#codec = codec;
    this.firstRecord = new Uint16Array(pages.bytes.length / codec.pageBytes);
    this.firstLsn = new Float64Array(this.firstRecord.length);
    this.firstRecord.fill(noRecordBegins);
  }

  restart(): void {
    const usedPages = this.pageCount;
    this.position = 0;
    this.firstRecord.fill(noRecordBegins, 0, usedPages);
    this.firstLsn.fill(0, 0, usedPages);
  }

  /** Index of the page in which the next byte goes. */
  get pageIndex(): number {
    return Math.floor(this.position / this.#codec.bodyBytes);
  }

  get pageCount(): number {
    return Math.ceil(this.position / this.#codec.bodyBytes);
  }

  beginRecord(lsn: number): void {
    const page = this.pageIndex;
    if (this.firstRecord[page] !== noRecordBegins) return;
    this.firstRecord[page] = this.position % this.#codec.bodyBytes;
    this.firstLsn[page] = lsn;
  }

  put(source: Uint8Array, lsn: number): void {
    const { pageBytes, bodyBytes, bodyOffset } = this.#codec;
    for (let from = 0; from < source.length;) {
      const page = this.pageIndex;
      const within = this.position - page * bodyBytes;
      const end = Math.min(source.length, from + bodyBytes - within);
      const isWhole = from === 0 && end === source.length;
      const part = isWhole ? source : source.subarray(from, end);
      this.#pages.bytes.set(part, page * pageBytes + bodyOffset + within);
      if (this.firstLsn[page] === 0) this.firstLsn[page] = lsn;
      this.position += end - from;
      from = end;
    }
  }

  /** Bytes used in a page's body. */
  usedIn(page: number): number {
    const { bodyBytes } = this.#codec;
    return Math.max(0, Math.min(bodyBytes, this.position - page * bodyBytes));
  }

  /** Zeros behind the end of the stream, so that nothing of an older batch is left in its pages. */
  clearRest(pageCount: number): void {
    const { pageBytes, bodyBytes, bodyOffset } = this.#codec;
    for (let page = this.pageIndex; page < pageCount; page++) {
      const at = page * pageBytes + bodyOffset;
      this.#pages.bytes.fill(0, at + this.usedIn(page), at + bodyBytes);
    }
  }
}
