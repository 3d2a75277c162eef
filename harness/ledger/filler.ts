/** Longer than the window of common compressors, a power of two. */
const fillerByteCount = 1 << 20;

let filler: Uint8Array | undefined;

/** A fixed pattern that does not compress, made once (xorshift32, Marsaglia 2003). */
export function fillerBytes(): Uint8Array {
  filler ??= makeFiller();
  return filler;
}

/** Where in the pattern the filler of a block begins: a multiple of 4. */
export function fillerStart(run: number, op: number, block: number): number {
  let mixed = run ^ Math.imul(op, 0x9e3779b1) ^ Math.imul(block, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  mixed ^= mixed >>> 12;
  return mixed & (fillerByteCount - 4);
}

function makeFiller(): Uint8Array {
  const words = new Uint32Array(fillerByteCount / 4);
  let state = 0x2545f491;
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return new Uint8Array(words.buffer);
}
