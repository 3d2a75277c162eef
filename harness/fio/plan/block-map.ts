/**
 * Which blocks of a region have been done, with the next one that has not found in a few steps: a tree
 * of bit words, in which a bit of a level above says that the word below it is full. 1 bit a block and
 * a thirtieth more.
 */
export class BlockMap {
  readonly #count: number;
  readonly #levels: Uint32Array[] = [];

  constructor(count: number) {
    this.#count = count;
    for (let bits = count; ; bits = Math.ceil(bits / 32)) {
      this.#levels.push(new Uint32Array(Math.ceil(bits / 32)));
      if (bits <= 32) break;
    }
    this.clear();
  }

  /** Bits behind the end count as done, so that words and levels can be full. */
  clear(): void {
    let bits = this.#count;
    for (const level of this.#levels) {
      level.fill(0);
      const used = bits % 32;
      if (used !== 0) level[level.length - 1] = (-1 << used) >>> 0;
      bits = level.length;
    }
  }

  isSet(block: number): boolean {
    return ((this.#levels[0]![Math.floor(block / 32)]! >>> (block % 32)) & 1) === 1;
  }

  /** Marks up to `count` blocks from `from`, as far as they are not marked; answers how many. */
  setRun(from: number, count: number): number {
    const limit = Math.min(from + count, this.#count);
    let block = from;
    while (block < limit && !this.isSet(block)) this.#set(block++);
    return block - from;
  }

  #set(block: number): void {
    let index = block;
    for (const level of this.#levels) {
      const word = Math.floor(index / 32);
      const value = (level[word]! | (1 << (index % 32))) >>> 0;
      level[word] = value;
      if (value !== 0xffff_ffff) return;
      index = word;
    }
  }

  /** The first unmarked block from `from` on, else from the beginning; -1 where all are marked. */
  nextFree(from: number): number {
    const after = this.#freeFrom(from);
    return after === -1 && from > 0 ? this.#freeFrom(0) : after;
  }

  #freeFrom(from: number): number {
    let index = from;
    for (let level = 0; level < this.#levels.length; level++) {
      const words = this.#levels[level]!;
      const word = Math.floor(index / 32);
      if (word >= words.length) return -1;
      const free = ~words[word]! & (-1 << (index % 32));
      if (free !== 0) return this.#descend(level, word * 32 + lowestBit(free));
      index = word + 1;
    }
    return -1;
  }

  /** From a word that is not full down to a block that is free. */
  #descend(level: number, word: number): number {
    let index = word;
    for (let below = level - 1; below >= 0; below--) {
      index = index * 32 + lowestBit(~this.#levels[below]![index]!);
    }
    return index;
  }
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
