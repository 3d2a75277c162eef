/**
 * The CRC-32C of a block that is filler but for a few words of every sector, without going over all of
 * its bytes. A CRC is linear: that of the block is that of the filler, which follows from a table, and
 * that of the difference, which is zeros almost everywhere; and going over zeros is a multiplication by
 * a power of x (Koopman and others call it combining; zlib has it as crc32_combine).
 */
import { fillerBytes } from './filler.ts';

/** CRC-32C, bits reflected. */
const polynomial = 0x82f63b78;
const sectorBytes = 512;
const wordBytes = 4;
/** The difference from the filler: words at the beginning of the block, and of every other sector. */
export interface ChangedWords {
  readonly inFirstSector: number;
  readonly inOtherSectors: number;
}

interface Tables {
  readonly filler: Uint32Array;
  /** CRC, from 0, of the filler up to each of its words. */
  readonly upTo: Uint32Array;
  /** What four bytes do to a CRC, byte by byte of it. */
  readonly word: Shift;
}

/** Multiplication by a power of x: 256 products for each byte of the CRC. */
type Shift = Uint32Array;

let tables: Tables | undefined;
const shifts = new Map<number, Shift>();

/**
 * Of the first `byteCount` bytes of the block, which was filled from `start` of the filler. Undefined
 * where those are not whole words, or the filler was begun anew within the block: then the bytes have
 * to be gone over.
 */
export function checksumOverFiller(
  block: DataView,
  start: number,
  byteCount: number,
  changed: ChangedWords,
): number | undefined {
  const { filler, upTo, word } = (tables ??= makeTables());
  if (byteCount % wordBytes !== 0) return undefined;
  if (start + block.byteLength > filler.length * wordBytes) return undefined;
  const first = start / wordBytes;
  const wholeShift = shiftOver(byteCount);
  let crc = upTo[first + byteCount / wordBytes]! ^ shifted(wholeShift, upTo[first]! ^ -1);
  crc ^= changedCrc(block, filler, first, byteCount, changed, word);
  return ~crc >>> 0;
}

/** The CRC, from 0, of the difference between the block and the filler. */
function changedCrc(
  block: DataView,
  filler: Uint32Array,
  first: number,
  byteCount: number,
  { inFirstSector, inOtherSectors }: ChangedWords,
  word: Shift,
): number {
  const wordCount = byteCount / wordBytes;
  const sectorWords = sectorBytes / wordBytes;
  const firstRest = shiftOver((sectorWords - inFirstSector) * wordBytes);
  const rest = shiftOver((sectorWords - inOtherSectors) * wordBytes);
  let crc = 0;
  for (let sector = 0; sector < wordCount; sector += sectorWords) {
    const count = sector === 0 ? inFirstSector : inOtherSectors;
    const isLast = sector + sectorWords > wordCount;
    for (let at = sector; at < sector + count; at++) {
      crc = shifted(word, crc ^ block.getUint32(at * wordBytes, true) ^ filler[first + at]!);
    }
    if (isLast) return shifted(shiftOver((wordCount - sector - count) * wordBytes), crc);
    crc = shifted(sector === 0 ? firstRest : rest, crc);
  }
  return crc;
}

function shifted(shift: Shift, crc: number): number {
  return (
    shift[crc & 0xff]! ^
    shift[256 + ((crc >>> 8) & 0xff)]! ^
    shift[512 + ((crc >>> 16) & 0xff)]! ^
    shift[768 + (crc >>> 24)]!
  );
}

function shiftOver(byteCount: number): Shift {
  const known = shifts.get(byteCount);
  if (known !== undefined) return known;
  const made = makeShift(byteCount);
  shifts.set(byteCount, made);
  return made;
}

function makeShift(byteCount: number): Shift {
  const factor = powerOfX(byteCount * 8);
  return Uint32Array.from({ length: 1024 }, (_, index) =>
    product((index & 0xff) << ((index >>> 8) * 8), factor),
  );
}

/** x^exponent; in reflected bits, 1 is the highest bit. */
function powerOfX(exponent: number): number {
  let power = 1 << 31;
  let square = 1 << 30;
  for (let left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) power = product(power, square);
    square = product(square, square);
  }
  return power;
}

/** Of two polynomials, modulo the one of CRC-32C. */
function product(one: number, other: number): number {
  let sum = 0;
  for (let bit = 1 << 31, factor = other; bit !== 0; bit >>>= 1) {
    if ((one & bit) !== 0) sum ^= factor;
    factor = (factor & 1) === 0 ? factor >>> 1 : (factor >>> 1) ^ polynomial;
  }
  return sum >>> 0;
}

function makeTables(): Tables {
  const bytes = fillerBytes();
  const filler = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / wordBytes);
  const word = shiftOver(wordBytes);
  const upTo = new Uint32Array(filler.length + 1);
  for (let at = 0; at < filler.length; at++) {
    upTo[at + 1] = shifted(word, upTo[at]! ^ filler[at]!);
  }
  return { filler, upTo, word };
}
