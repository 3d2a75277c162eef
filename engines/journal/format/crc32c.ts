import type { Platform } from '../../../harness/contract/index.ts';

/** CRC-32C of `bytes`, continuing from `previous`; see Platform. */
export type Crc32c = (bytes: Uint8Array, previous?: number) => number;

/** The platform's, free of its owner. */
export function crc32cOf(platform: Platform): Crc32c {
  return (bytes, previous) => platform.crc32c(bytes, previous);
}

/** Reflected: the highest bit of a word is the lowest power. */
const polynomial = 0x82f63b78;

/** What a register becomes by one bit that is zero: times x. */
export function timesX(word: number): number {
  return (word >>> 1) ^ (polynomial & -(word & 1));
}

/** `tables[k * 256 + byte]`: the register of the byte followed by `k` zero bytes. */
const tables = tablesOf(8);

function tablesOf(count: number): Int32Array {
  const built = new Int32Array(count * 256);
  for (let byte = 0; byte < 256; byte++) {
    let register = byte;
    for (let bit = 0; bit < 8; bit++) register = timesX(register);
    built[byte] = register;
  }
  for (let index = 256; index < built.length; index++) {
    const shorter = built[index - 256]!;
    built[index] = built[shorter & 0xff]! ^ (shorter >>> 8);
  }
  return built;
}

/**
 * The same of the bytes from `start` to `end`, eight at a time: for a few dozen bytes a call into
 * native code takes longer than they do.
 */
export function crc32cOfFew(
  bytes: Uint8Array,
  start: number,
  end: number,
  previous: number,
): number {
  let register = ~previous;
  let at = start;
  for (; at + 8 <= end; at += 8) register = afterEight(register, bytes, at);
  for (; at < end; at++) {
    register = tables[(register ^ bytes[at]!) & 0xff]! ^ (register >>> 8);
  }
  return ~register >>> 0;
}

function afterEight(register: number, bytes: Uint8Array, at: number): number {
  return (
    tables[0x700 + ((register ^ bytes[at]!) & 0xff)]! ^
    tables[0x600 + (((register >>> 8) ^ bytes[at + 1]!) & 0xff)]! ^
    tables[0x500 + (((register >>> 16) ^ bytes[at + 2]!) & 0xff)]! ^
    tables[0x400 + ((register >>> 24) ^ bytes[at + 3]!)]! ^
    tables[0x300 + bytes[at + 4]!]! ^
    tables[0x200 + bytes[at + 5]!]! ^
    tables[0x100 + bytes[at + 6]!]! ^
    tables[bytes[at + 7]!]!
  );
}
