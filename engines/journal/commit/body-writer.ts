import { crc32cOfFew, type Crc32c } from '../format/crc32c.ts';
import { crc32cOfZeros, shifted } from '../format/crc32c-shift.ts';
import { noRecordBegins, type PageCodec, type PageRun } from '../format/page.ts';
import {
  completeRecordHeader,
  recordHeaderBytes,
  type RecordHeaderBytes,
} from '../format/record.ts';

/** Below so many bytes a call into native code takes longer than their CRC in JavaScript. */
const nativeFromBytes = 128;

/**
 * Lays the record stream into the bodies of a run of pages, and notes for each page which record
 * begins first in it. A page in which none begins names the record that runs through it.
 *
 * It also computes the checksums of the records and, where pages are neither stamped nor encrypted,
 * those of the bodies, from one reading of the data: in pieces that end with the page or the record.
 */
export class BodyWriter {
  readonly firstRecord: Uint16Array;
  readonly firstLsn: Float64Array;
  /** CRC-32C of each body so far, where the codec sums bodies. */
  readonly bodyCrc: Uint32Array;
  /** Bytes of the stream so far. */
  position = 0;
  readonly #pages: PageRun;
  readonly #codec: PageCodec;
  readonly #crc32c: Crc32c;
  /** Of the record being put, and the CRC of the record before each of them, and behind the last. */
  readonly #pieces: Uint8Array[] = [];
  readonly #pieceCrcs: number[] = [0];
  /** Where the next byte goes. */
  #page = 0;
  #within = 0;

  constructor(pages: PageRun, codec: PageCodec, crc32c: Crc32c) {
    this.#pages = pages;
    this.#codec = codec;
    this.#crc32c = crc32c;
    this.firstRecord = new Uint16Array(pages.bytes.length / codec.pageBytes);
    this.firstLsn = new Float64Array(this.firstRecord.length);
    this.bodyCrc = new Uint32Array(this.firstRecord.length);
    this.firstRecord.fill(noRecordBegins);
  }

  restart(): void {
    // A loop, since filling so few words takes longer to call than to do.
    for (let page = Math.min(this.#page, this.firstRecord.length - 1); page >= 0; page--) {
      this.firstRecord[page] = noRecordBegins;
      this.firstLsn[page] = 0;
      this.bodyCrc[page] = 0;
    }
    this.position = 0;
    this.#page = 0;
    this.#within = 0;
  }

  /** Index of the page in which the next byte goes. */
  get pageIndex(): number {
    return this.#page;
  }

  /**
   * Puts a record of which the header is complete but for its CRC, which is `headerCrc` so far and goes
   * on over `head` and `data`. Answers the record's CRC.
   */
  putRecord(
    header: RecordHeaderBytes,
    headerCrc: number,
    head: Uint8Array,
    data: Uint8Array,
    lsn: number,
  ): number {
    const dataAt = this.#within + recordHeaderBytes + head.length;
    const pieceCount = this.#cut(data, dataAt % this.#codec.bodyBytes);
    const crc = this.#sum(pieceCount, crc32cOfFew(head, 0, head.length, headerCrc));
    completeRecordHeader(header, crc);
    this.#beginRecord(lsn);
    this.#putFew(header.bytes, lsn);
    this.#putFew(head, lsn);
    for (let index = 0; index < pieceCount; index++) this.#putPiece(index, lsn);
    return crc;
  }

  /** Bytes used in a page's body. */
  usedIn(page: number): number {
    if (page < this.#page) return this.#codec.bodyBytes;
    return page === this.#page ? this.#within : 0;
  }

  /**
   * Zeros behind the end of the stream, so that nothing of an older batch is left in its pages. Answers
   * how many these are: one also where there are no records.
   */
  finish(): number {
    if (this.#within === 0 && this.#page > 0) return this.#page;
    const { pageBytes, bodyBytes, bodyOffset, sumsBodies } = this.#codec;
    const at = this.#page * pageBytes + bodyOffset;
    this.#pages.bytes.fill(0, at + this.#within, at + bodyBytes);
    if (sumsBodies) {
      const restBytes = bodyBytes - this.#within;
      this.bodyCrc[this.#page] = crc32cOfZeros(restBytes, this.bodyCrc[this.#page]!);
    }
    return this.#page + 1;
  }

  /** Cuts the data where pages end, if its first byte goes to `within` a body. Answers the pieces. */
  #cut(data: Uint8Array, within: number): number {
    const { bodyBytes } = this.#codec;
    if (data.length === 0) return 0;
    let count = 0;
    let start = 0;
    for (let end = bodyBytes - within; end < data.length; end += bodyBytes) {
      this.#pieces[count++] = partOf(data, start, end);
      start = end;
    }
    this.#pieces[count++] = start === 0 ? data : partOf(data, start, data.length);
    return count;
  }

  /** The CRC of the record behind its last piece, and of all between. */
  #sum(pieceCount: number, headCrc: number): number {
    let crc = headCrc;
    this.#pieceCrcs[0] = crc;
    for (let index = 0; index < pieceCount; index++) {
      const piece = this.#pieces[index]!;
      crc =
        piece.length < nativeFromBytes
          ? crc32cOfFew(piece, 0, piece.length, crc)
          : this.#crc32c(piece, crc);
      this.#pieceCrcs[index + 1] = crc;
    }
    return crc;
  }

  #beginRecord(lsn: number): void {
    if (this.firstRecord[this.#page] !== noRecordBegins) return;
    this.firstRecord[this.#page] = this.#within;
    this.firstLsn[this.#page] = lsn;
  }

  /** Bytes that may go over the end of a page. */
  #putFew(source: Uint8Array, lsn: number): void {
    for (let from = 0; from < source.length;) {
      const end = Math.min(source.length, from + this.#codec.bodyBytes - this.#within);
      if (this.#codec.sumsBodies) {
        this.bodyCrc[this.#page] = crc32cOfFew(source, from, end, this.bodyCrc[this.#page]!);
      }
      const isWhole = from === 0 && end === source.length;
      this.#lay(isWhole ? source : partOf(source, from, end), lsn);
      from = end;
    }
  }

  /** A piece of the data: its CRC behind the bytes before it in the page comes of that of the record. */
  #putPiece(index: number, lsn: number): void {
    const piece = this.#pieces[index]!;
    if (this.#codec.sumsBodies) {
      const difference = this.bodyCrc[this.#page]! ^ this.#pieceCrcs[index]!;
      this.bodyCrc[this.#page] = this.#pieceCrcs[index + 1]! ^ shifted(difference, piece.length);
    }
    this.#lay(piece, lsn);
  }

  /** Bytes that do not go over the end of a page. */
  #lay(source: Uint8Array, lsn: number): void {
    const { pageBytes, bodyBytes, bodyOffset } = this.#codec;
    this.#pages.bytes.set(source, this.#page * pageBytes + bodyOffset + this.#within);
    if (this.firstLsn[this.#page] === 0) this.firstLsn[this.#page] = lsn;
    this.position += source.length;
    this.#within += source.length;
    if (this.#within < bodyBytes) return;
    this.#page += 1;
    this.#within = 0;
  }
}

/** `subarray` without the look for a species, which takes as long as the rest of it. */
function partOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}
