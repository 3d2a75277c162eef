/**
 * How the CRC-32C of the same bytes differs behind two different beginnings:
 *
 *   crc32c(b, p) ^ crc32c(b, q) = shifted(p ^ q, b.length)
 *
 * where `shifted` multiplies by x^(8n) modulo the polynomial. With it bytes that count for two
 * checksums, that of a record and that of a page, are read once.
 */
import { timesX } from './crc32c.ts';

/** x^0: the highest bit of a reflected word. */
const one = 0x80000000;

/** `powers[n]` is x^(8n); grown on demand, up to the bytes of a page. */
let powers = Int32Array.of(one);

/** The word times x^(8n). Takes 40 ns. */
export function shifted(word: number, byteCount: number): number {
  if (byteCount >= powers.length) grow(byteCount);
  return product(powers[byteCount]!, word);
}

/** CRC-32C of so many zero bytes, going on from `previous`. */
export function crc32cOfZeros(byteCount: number, previous: number): number {
  return ~shifted(~previous, byteCount) >>> 0;
}

/** Made once for each of the few sizes of a page's body: that takes as long as opening a small journal. */
const fixedShifts = new Map<number, FixedShift>();

/** `shifted` for one count of bytes: four look-ups instead of 32 steps. */
export function fixedShiftOf(byteCount: number): FixedShift {
  let shift = fixedShifts.get(byteCount);
  if (shift === undefined) fixedShifts.set(byteCount, (shift = new FixedShift(byteCount)));
  return shift;
}

export class FixedShift {
  readonly #tables = new Int32Array(4 * 256);

  constructor(byteCount: number) {
    for (let index = 0; index < this.#tables.length; index++) {
      const byte = index & 0xff;
      this.#tables[index] = shifted(byte << (8 * (index >>> 8)), byteCount);
    }
  }

  of(word: number): number {
    const tables = this.#tables;
    const low = tables[word & 0xff]! ^ tables[0x100 + ((word >>> 8) & 0xff)]!;
    return (low ^ tables[0x200 + ((word >>> 16) & 0xff)]! ^ tables[0x300 + (word >>> 24)]!) >>> 0;
  }
}

function product(left: number, right: number): number {
  let sum = 0;
  let factor = right;
  for (let rest = left, bit = 0; bit < 32; bit++, rest <<= 1) {
    sum ^= factor & (rest >> 31);
    factor = timesX(factor);
  }
  return sum >>> 0;
}

function grow(byteCount: number): void {
  const grown = new Int32Array(Math.max(4096, 2 ** Math.ceil(Math.log2(byteCount + 1))) + 1);
  grown.set(powers);
  for (let index = powers.length; index < grown.length; index++) {
    let power = grown[index - 1]!;
    for (let bit = 0; bit < 8; bit++) power = timesX(power);
    grown[index] = power;
  }
  powers = grown;
}
