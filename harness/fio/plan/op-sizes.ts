import type { Random } from '../../contract/index.ts';
import type { BlockSizes } from '../job.ts';

const two32 = 2 ** 32;
const uint32Percent = Math.floor((two32 - 1) / 100);

/**
 * The size of the next operation, drawn as fio draws it: again and again until one fits into the room
 * that is left. 0 where not even the smallest does.
 */
export class OpSizes {
  readonly #sizes: BlockSizes;
  readonly #isUnaligned: boolean;
  readonly #random: Random;

  constructor(sizes: BlockSizes, isUnaligned: boolean, random: Random) {
    this.#sizes = sizes;
    this.#isUnaligned = isUnaligned;
    this.#random = random;
  }

  get minBytes(): number {
    return this.#sizes.minBytes;
  }

  /** `roomBytes` is what is left from the place of the operation to the end of its region. */
  next(roomBytes: number): number {
    const { minBytes, maxBytes } = this.#sizes;
    // fio asks for room only where there is a choice; a fixed size is held against the file's end.
    if (minBytes === maxBytes) return minBytes;
    if (minBytes > roomBytes) return 0;
    for (;;) {
      const drawn = this.#sizes.split.length > 0 ? this.#fromSplit(roomBytes) : this.#fromRange();
      const aligned = this.#isUnaligned ? drawn : drawn - (drawn % minBytes);
      const byteCount = Math.min(aligned, maxBytes);
      if (byteCount <= roomBytes) return byteCount;
    }
  }

  /** The maximum takes all that is drawn above it: it comes as often as min/max of all draws more. */
  #fromRange(): number {
    const { minBytes, maxBytes } = this.#sizes;
    return minBytes + Math.floor(maxBytes * (this.#random.uint32() / two32));
  }

  /** The last size stands for draws that no percentage covers, and for those that do not fit. */
  #fromSplit(roomBytes: number): number {
    const drawn = this.#random.uint32();
    let percentSum = 0;
    let byteCount = 0;
    for (const part of this.#sizes.split) {
      if (part.percent === 0) continue;
      byteCount = part.byteCount;
      percentSum += part.percent;
      if (Math.floor(drawn / percentSum) <= uint32Percent && byteCount <= roomBytes) break;
    }
    return byteCount;
  }
}
