import type { Crc32c } from './crc32c.ts';
import { foldDigest } from './mix.ts';

const pieceBytes = 512;
/** Of the CRC that callers' blocks often end in. */
const trailerBytes = 4;

/**
 * A checksum of a block of the caller's. Not its CRC-32C: data that ends in a CRC-32C of its own, as
 * pages of databases do, all have the same CRC-32C, whatever is in them, so that one could stand in for
 * another unseen. Here the block is cut 4 bytes before each boundary of 512, so that no piece ends in
 * a checksum of itself, and the CRCs of the pieces are folded by a digest that is not linear.
 */
export function blockDigest(bytes: Uint8Array, crc32c: Crc32c): number {
  let digest = 0;
  let from = 0;
  for (let end = pieceBytes - trailerBytes; end < bytes.length; end += pieceBytes) {
    digest = foldDigest(digest, crc32c(bytes.subarray(from, end)));
    from = end;
  }
  return foldDigest(digest, crc32c(bytes.subarray(from)));
}
