/** Checksums of the format, from their definitions in README.md; nothing here is the engine's. */

const table = new Uint32Array(256).map((_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) {
    remainder = remainder & 1 ? (remainder >>> 1) ^ 0x82f63b78 : remainder >>> 1;
  }
  return remainder;
});

/** CRC-32C, continued from `before`. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  let state = ~before;
  for (const byte of bytes) state = table[(state ^ byte) & 0xff]! ^ (state >>> 8);
  return ~state >>> 0;
}

/** Of bytes whose word at `fieldAt`, where the CRC itself stands, counts as zero. */
export function crcAround(bytes: Uint8Array, fieldAt: number, seed = 0): number {
  const head = crc32c(bytes.subarray(0, fieldAt), seed);
  return crc32c(bytes.subarray(fieldAt + 4), crc32c(new Uint8Array(4), head));
}

const xorShift = (word: number, by: number): number => (word ^ (word >>> by)) >>> 0;
const times = (word: number, factor: number): number => Math.imul(word, factor) >>> 0;

/** MurmurHash3 fmix32. */
export function mix(word: number): number {
  let mixed = times(xorShift(word, 16), 0x85ebca6b);
  mixed = times(xorShift(mixed, 13), 0xc2b2ae35);
  return xorShift(mixed, 16);
}

/** What `mix` has made `mixed` of. */
export function unmix(mixed: number): number {
  let word = times(xorShift(mixed, 16), inverse(0xc2b2ae35));
  word = xorShift(xorShift(word, 13), 26);
  return xorShift(times(word, inverse(0x85ebca6b)), 16);
}

/** Of an odd number, modulo 2^32; each step doubles the bits that are right. */
function inverse(odd: number): number {
  let found = odd;
  for (let step = 0; step < 5; step++) found = times(found, 2 - times(odd, found));
  return found;
}

/** The digest of a batch, or a transaction, or the pieces of a block: CRCs in their order. */
export function digestOf(crcs: Iterable<number>): number {
  let digest = 0;
  for (const crc of crcs) digest = mix((times(digest, 5) + 0x9e3779b9) ^ crc);
  return digest;
}

/** The digest of 4096 bytes of the caller's, as map and double-write area have it. */
export function blockDigest(block: Uint8Array): number {
  const bounds = [0];
  for (let at = 508; at < block.length; at += 512) bounds.push(at);
  bounds.push(block.length);
  return digestOf(bounds.slice(1).map((end, index) => crc32c(block.subarray(bounds[index], end))));
}

function mixOfPlace(pageSeq: number, journalId: number): number {
  const high = Math.floor(pageSeq / 2 ** 32);
  return mix(mix(((pageSeq % 2 ** 32) ^ journalId) >>> 0) + times(high, 0x9e3779b1));
}

export function stampOf(pageSeq: number, epoch: number, journalId: number): number {
  return mix(mixOfPlace(pageSeq, journalId) ^ epoch);
}

/** The epoch that has left the stamp, if it is one of a page of that number. */
export function epochBehind(stamp: number, pageSeq: number, journalId: number): number {
  return (unmix(stamp) ^ mixOfPlace(pageSeq, journalId)) >>> 0;
}
