import { Buffer } from 'node:buffer';
import { HarnessError } from '../contract/index.ts';

/** Appends little-endian fields to a buffer that grows. */
export class ByteWriter {
  #buffer = Buffer.alloc(4096);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(value >>> 0, this.#length);
  }

  /** LEB128, whole numbers from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
  }

  bytes(source: Uint8Array): void {
    this.#reserve(source.length);
    this.#buffer.set(source, this.#length);
    this.#length += source.length;
  }

  text(text: string): void {
    const encoded = Buffer.from(text, 'utf8');
    this.varint(encoded.length);
    this.bytes(encoded);
  }

  /** What was written since the last time; the writer starts anew. */
  take(): Uint8Array {
    const taken = Uint8Array.prototype.slice.call(this.#buffer, 0, this.#length);
    this.#length = 0;
    return taken;
  }

  #reserve(byteCount: number): void {
    if (this.#length + byteCount <= this.#buffer.length) return;
    const grown = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#length + byteCount));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}

/** Reads what ByteWriter wrote; reading past the end is EVIDENCE_DAMAGED. */
export class ByteReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get left(): number {
    return this.#buffer.length - this.#at;
  }

  u8(): number {
    return this.bytes(1)[0]!;
  }

  u32(): number {
    return this.bytes(4).readUInt32LE(0);
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 53; scale *= 0x80) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new HarnessError('EVIDENCE_DAMAGED', `a number at byte ${this.#at} is too long`);
  }

  /** A view, not a copy. */
  bytes(byteCount: number): Buffer {
    if (byteCount > this.left) {
      throw new HarnessError(
        'EVIDENCE_DAMAGED',
        `${byteCount} bytes expected at byte ${this.#at}, but ${this.left} are left`,
      );
    }
    this.#at += byteCount;
    return this.#buffer.subarray(this.#at - byteCount, this.#at);
  }

  text(): string {
    return this.bytes(this.varint()).toString('utf8');
  }
}
