import assert from 'node:assert/strict';

/** Longer than the window of common compressors, a power of two. */
export const fillerByteCount = 1 << 20;
/** Blocks of this and above begin on pages of the filler, shorter ones on its sectors. */
const pageBytes = 4096;
const sectorBytes = 512;

let filler: Uint8Array | undefined;

/** A fixed pattern that does not compress, made once (xorshift32, Marsaglia 2003), twice over. */
function fillerBytes(): Uint8Array {
  filler ??= makeFiller();
  return filler;
}

/** How far apart the places are at which the filler of a block or record of that length may begin. */
export function fillerStride(byteCount: number): number {
  return byteCount < pageBytes ? sectorBytes : pageBytes;
}

/** In how many places it may begin. */
export function fillerStartCount(byteCount: number): number {
  return fillerByteCount / fillerStride(byteCount);
}

/** Where in the pattern the filler begins: a multiple of the stride. */
export function fillerStart(run: number, op: number, block: number, byteCount: number): number {
  let mixed = run ^ Math.imul(op, 0x9e3779b1) ^ Math.imul(block, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  mixed ^= mixed >>> 12;
  return mixed & (fillerByteCount - fillerStride(byteCount));
}

/** The filler from there on; behind its end it begins anew. Nobody may write to it. */
export function fillerFrom(start: number, byteCount: number): Uint8Array {
  assert(byteCount <= fillerByteCount, `no filler of ${byteCount} bytes`);
  return fillerBytes().subarray(start, start + byteCount);
}

export function writeFiller(target: Uint8Array, start: number): void {
  for (let offset = 0; offset < target.length; offset += fillerByteCount) {
    const count = Math.min(target.length - offset, fillerByteCount);
    target.set(fillerFrom(start, count), offset);
  }
}

function makeFiller(): Uint8Array {
  const words = new Uint32Array((2 * fillerByteCount) / 4);
  let state = 0x2545f491;
  for (let index = 0; index < words.length / 2; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  words.copyWithin(words.length / 2, 0);
  return new Uint8Array(words.buffer);
}
