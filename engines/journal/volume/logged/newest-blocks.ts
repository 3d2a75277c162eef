/** Blocks in ascending order, each once, and where the data of its newest version begins. */
export interface SortedBlocks {
  readonly blocks: Float64Array;
  readonly dataAt: Float64Array;
}

/**
 * The versions of blocks in the order in which they were committed. Two numbers each, and sorted once:
 * a ring of 1 GiB holds hundreds of thousands, and a map of them takes three times as long.
 */
export class NewestBlocks {
  #blocks = new Float64Array(64);
  #dataAt = new Float64Array(64);
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  add(block: number, dataAt: number): void {
    if (this.#count === this.#blocks.length) {
      this.#blocks = twiceAsLong(this.#blocks);
      this.#dataAt = twiceAsLong(this.#dataAt);
    }
    this.#blocks[this.#count] = block;
    this.#dataAt[this.#count] = dataAt;
    this.#count += 1;
  }

  sorted(): SortedBlocks {
    const blocks = new Float64Array(this.#count);
    const dataAt = new Float64Array(this.#count);
    let count = 0;
    for (const version of versionsByBlock(this.#blocks.subarray(0, this.#count))) {
      const block = this.#blocks[version]!;
      // Of two versions of a block the later stands behind, and takes the place of the earlier.
      if (count === 0 || blocks[count - 1] !== block) count += 1;
      blocks[count - 1] = block;
      dataAt[count - 1] = this.#dataAt[version]!;
    }
    return { blocks: blocks.subarray(0, count), dataAt: dataAt.subarray(0, count) };
  }
}

/** The indexes, by their blocks and then by themselves. */
function versionsByBlock(blocks: Float64Array): Float64Array {
  const count = blocks.length;
  const blockMax = blocks.reduce((max, block) => Math.max(max, block), 0);
  if ((blockMax + 1) * count > Number.MAX_SAFE_INTEGER) {
    const indexes = Float64Array.from(blocks.keys());
    return indexes.sort((a, b) => blocks[a]! - blocks[b]! || a - b);
  }
  // Both in one number, which is sorted without a call for each comparison.
  const keys = blocks.map((block, index) => block * count + index).sort();
  return keys.map((key) => key % count);
}

function twiceAsLong(numbers: Float64Array): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(2 * numbers.length);
  longer.set(numbers);
  return longer;
}
