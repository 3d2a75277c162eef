import { mix32, unmix32 } from './mix.ts';

/**
 * Sector stamps. Where power loss can tear a page (the atomic unit is smaller), the first word of
 * every sector after the first is replaced by a stamp, so that a page with a bad CRC tells which of
 * its sectors belong to the write that was expected there: a mixture was torn, a full set has rotted
 * (JOURNAL-ENGINE R3, R4; XFS stamps its log the same way with cycle numbers). The first sector has
 * its stamp behind the envelope, because page_seq and epoch alone would let one flipped bit of theirs
 * make a rotten page look torn.
 *
 * The stamp is a mix of all 32 bits and not `page_seq ^ epoch`: with the plain XOR the page of the
 * previous lap (page_seq - N) in another epoch, or a small integer of some payload, has the very same
 * stamp, and a torn page would look whole. The mix is invertible in the epoch, so a stamp that is not
 * the expected one can be shown to be that of an older write (its epoch comes out as one that
 * existed) or of none (damage; chance 2^-32 per epoch that existed).
 */
export function stampOf(pageSeq: number, epoch: number, journalId: number): number {
  return mix32(placeMix(pageSeq, journalId) ^ epoch);
}

/** The epoch under which a write of that page would have left that stamp. */
export function epochOfStamp(stamp: number, pageSeq: number, journalId: number): number {
  return (unmix32(stamp) ^ placeMix(pageSeq, journalId)) >>> 0;
}

function placeMix(pageSeq: number, journalId: number): number {
  const high = Math.floor(pageSeq / 2 ** 32);
  return mix32(mix32((pageSeq >>> 0) ^ journalId) + Math.imul(high, 0x9e3779b1));
}
