/** MurmurHash3's 32-bit finaliser: a bijection in which every input bit moves every output bit. */
export function mix32(word: number): number {
  let mixed = word ^ (word >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** The inverse of mix32; the factors are the inverses of its factors modulo 2^32. */
export function unmix32(word: number): number {
  let mixed = word ^ (word >>> 16);
  mixed = Math.imul(mixed, 0x7ed1b41d);
  mixed ^= (mixed >>> 13) ^ (mixed >>> 26);
  mixed = Math.imul(mixed, 0xa5cb9243);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/**
 * Adds a word to a running digest; the order of the words counts. It digests CRCs, so it must not be
 * a CRC itself: an error that the polynomial does not see would pass both.
 */
export function foldDigest(digest: number, word: number): number {
  return mix32((Math.imul(digest, 5) + 0x9e3779b9) ^ word);
}
