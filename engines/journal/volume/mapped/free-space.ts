import assert from 'node:assert/strict';

const wordBits = 32;
const wordFull = 0xffffffff;

/**
 * Which blocks of the data area hold nothing that counts: a bit each, set where the block is in use.
 * Takes them in ascending order, going on where it left off, so that blocks written together mostly
 * lie together.
 */
export class FreeSpace {
  readonly #used: Uint32Array;
  readonly #blockCount: number;
  #freeCount: number;
  #next = 0;

  constructor(blockCount: number) {
    this.#blockCount = blockCount;
    this.#freeCount = blockCount;
    this.#used = new Uint32Array(Math.ceil(blockCount / wordBits));
    const beyond = blockCount % wordBits;
    if (beyond > 0) this.#used[this.#used.length - 1] = wordFull << beyond;
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  /** Marks a block as in use; false where it was already. */
  use(block: number): boolean {
    const word = Math.floor(block / wordBits);
    const bit = 1 << (block % wordBits);
    if ((this.#used[word]! & bit) !== 0) return false;
    this.#used[word]! |= bit;
    this.#freeCount -= 1;
    return true;
  }

  /** That many blocks, from now on in use; undefined where there are not so many. */
  take(count: number): Float64Array | undefined {
    if (count > this.#freeCount) return undefined;
    const blocks = new Float64Array(count);
    for (let index = 0; index < count; index++) blocks[index] = this.#takeNext();
    return blocks;
  }

  release(block: number): void {
    const word = Math.floor(block / wordBits);
    const bit = 1 << (block % wordBits);
    assert((this.#used[word]! & bit) !== 0, `block ${block} of the data area is free already`);
    this.#used[word]! &= ~bit;
    this.#freeCount += 1;
  }

  #takeNext(): number {
    for (let block = this.#next; ;) {
      if (block >= this.#blockCount) block = 0;
      const isAtWord = block % wordBits === 0;
      if (isAtWord && this.#used[block / wordBits] === wordFull) {
        block += wordBits;
      } else if (this.use(block)) {
        this.#next = block + 1;
        return block;
      } else {
        block += 1;
      }
    }
  }
}
