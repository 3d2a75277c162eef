import type { Crc32c } from '../format/crc32c.ts';
import { noRecordBegins, readPageHeader, type PageCodec, type PageHeader } from '../format/page.ts';
import {
  isRecordWhole,
  readRecordHeader,
  recordAt,
  recordHeaderBytes,
  recordMagic,
  type RecordHeader,
} from '../format/record.ts';
import { viewOf } from '../format/u64.ts';

/** A record as it stands on the medium, judged by nothing but its own bytes. */
export interface ReadRecord {
  readonly header: RecordHeader;
  /** Where it begins. */
  readonly page: number;
  /** In the body of that page. */
  readonly bodyOffset: number;
  readonly payload: Uint8Array;
  readonly isWhole: boolean;
}

/**
 * Reads records page by page, as they come. A record that runs over the end of a page is held until
 * the next one; where that is missing, reading goes on with the first record that begins afterwards.
 */
export class RecordReader {
  readonly #codec: PageCodec;
  readonly #crc32c: Crc32c;
  #held: Uint8Array = new Uint8Array(0);
  #heldFrom = { page: -1, bodyOffset: 0 };
  #lastPage = -1;

  constructor(codec: PageCodec, crc32c: Crc32c) {
    this.#codec = codec;
    this.#crc32c = crc32c;
  }

  /** The records that end in this page, whose body is readable (page-opener.ts). */
  *read(bytes: Uint8Array): Generator<ReadRecord, void, undefined> {
    const header = readPageHeader(viewOf(bytes), 0);
    const body = this.#bodyOf(bytes, header);
    const goesOn = header.pageSeq === this.#lastPage + 1 && header.batchIndex > 0;
    this.#lastPage = header.pageSeq;
    if (!goesOn) this.#held = new Uint8Array(0);
    const skipped = this.#held.length > 0 ? 0 : header.firstRecord;
    if (skipped === noRecordBegins) return;
    if (this.#held.length === 0) {
      this.#heldFrom = { page: header.pageSeq, bodyOffset: skipped };
    }
    const before = this.#held.length;
    this.#held = joined(this.#held, body.subarray(skipped));
    yield* this.#take(header.pageSeq, skipped - before);
  }

  #bodyOf(bytes: Uint8Array, { used }: PageHeader): Uint8Array {
    const from = this.#codec.bodyOffset;
    return bytes.subarray(from, from + Math.min(used, this.#codec.bodyBytes));
  }

  /** `shift`: what to add to an offset in what is held to get one in the page's body. */
  *#take(page: number, shift: number): Generator<ReadRecord, void, undefined> {
    const held = this.#held;
    const view = viewOf(held);
    let at = 0;
    while (held.length - at >= recordHeaderBytes) {
      if (view.getUint32(at + recordAt.magic, true) !== recordMagic) {
        at = held.length;
        break;
      }
      const header = readRecordHeader(view, at);
      const end = at + recordHeaderBytes + header.payloadBytes;
      if (end > held.length) break;
      yield {
        header,
        ...this.#heldFrom,
        payload: held.subarray(at + recordHeaderBytes, end),
        isWhole: isRecordWhole(held, view, at, end, this.#crc32c),
      };
      at = end;
      this.#heldFrom = { page, bodyOffset: at + shift };
    }
    this.#held = held.subarray(at);
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
