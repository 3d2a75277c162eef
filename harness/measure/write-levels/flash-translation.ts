import assert from 'node:assert/strict';

/** A drive of flash as far as write amplification goes: no timing, no wear. */
export interface FlashShape {
  readonly pageBytes: number;
  readonly pagesPerEraseBlock: number;
  /** Pages that the host can address. */
  readonly userPages: number;
  /** (Physical - user) / user pages, as Desnoyers and fio's `spr_op` have it. */
  readonly overProvisioning: number;
}

/** Counted in pages, but for `erases`. All of it is simulated. */
export interface FlashCounts {
  /** Programs that the host's writes needed. */
  readonly hostPages: number;
  /** Copies of valid pages out of erase blocks that were reclaimed. */
  readonly copiedPages: number;
  readonly erases: number;
}

/** Erase blocks that are kept free, so that there is always somewhere to copy to. */
const reserveBlocks = 2;
const nowhere = -1;

/**
 * Page-mapped flash translation layer with greedy garbage collection: writes go to one open erase
 * block; when no more than a small reserve is free, the block with the fewest valid pages is copied and
 * erased. For uniformly random writes its amplification comes to α / (α + W(-α e^-α)), with α the
 * physical over the user pages and W Lambert's function (Xiang and Kurkoski, "An Improved Analytic
 * Expression for Write Amplification in NAND Flash", 2011; Desnoyers, "Analytic Modeling of SSD Write
 * Performance", 2012).
 */
export class FlashTranslation {
  readonly shape: FlashShape;
  readonly eraseBlocks: number;
  readonly #placeOf: Int32Array;
  readonly #ownerOf: Int32Array;
  readonly #validPages: Int32Array;
  readonly #byValidPages: BlockQueue;
  readonly #free: number[];
  #open: number;
  #openAt = 0;
  #hostPages = 0;
  #copiedPages = 0;
  #erases = 0;

  constructor(shape: FlashShape) {
    const { pagesPerEraseBlock, userPages, overProvisioning } = shape;
    assert(pagesPerEraseBlock >= 1 && userPages >= 1, 'a drive without pages');
    const physicalPages = userPages * (1 + overProvisioning);
    this.shape = shape;
    this.eraseBlocks = Math.floor(physicalPages / pagesPerEraseBlock);
    const spareBlocks = this.eraseBlocks - Math.ceil(userPages / pagesPerEraseBlock);
    assert(
      spareBlocks > reserveBlocks,
      `over-provisioning of ${overProvisioning} leaves ${spareBlocks} spare erase blocks, more than ${reserveBlocks} are needed`,
    );
    this.#placeOf = new Int32Array(userPages).fill(nowhere);
    this.#ownerOf = new Int32Array(this.eraseBlocks * pagesPerEraseBlock).fill(nowhere);
    this.#validPages = new Int32Array(this.eraseBlocks);
    this.#byValidPages = new BlockQueue(this.eraseBlocks, pagesPerEraseBlock);
    this.#free = Array.from({ length: this.eraseBlocks }, (_, block) => block).reverse();
    this.#open = this.#free.pop()!;
  }

  get counts(): FlashCounts {
    return {
      hostPages: this.#hostPages,
      copiedPages: this.#copiedPages,
      erases: this.#erases,
    };
  }

  write(page: number): void {
    this.#hostPages++;
    this.#invalidate(page);
    this.#program(page);
    while (this.#free.length < reserveBlocks) this.#reclaim();
  }

  discard(page: number): void {
    this.#invalidate(page);
  }

  #invalidate(page: number): void {
    const place = this.#placeOf[page]!;
    if (place === nowhere) return;
    this.#placeOf[page] = nowhere;
    this.#ownerOf[place] = nowhere;
    const block = Math.floor(place / this.shape.pagesPerEraseBlock);
    const valid = --this.#validPages[block]!;
    if (block !== this.#open) this.#byValidPages.move(block, valid);
  }

  #program(page: number): void {
    const { pagesPerEraseBlock } = this.shape;
    if (this.#openAt === pagesPerEraseBlock) {
      this.#byValidPages.add(this.#open, this.#validPages[this.#open]!);
      this.#open = this.#free.pop()!;
      this.#openAt = 0;
    }
    const place = this.#open * pagesPerEraseBlock + this.#openAt++;
    this.#placeOf[page] = place;
    this.#ownerOf[place] = page;
    this.#validPages[this.#open]!++;
  }

  #reclaim(): void {
    const { pagesPerEraseBlock } = this.shape;
    const victim = this.#byValidPages.takeLeast();
    const begin = victim * pagesPerEraseBlock;
    for (let place = begin; place < begin + pagesPerEraseBlock; place++) {
      const page = this.#ownerOf[place]!;
      if (page === nowhere) continue;
      this.#ownerOf[place] = nowhere;
      this.#copiedPages++;
      this.#program(page);
    }
    this.#validPages[victim] = 0;
    this.#erases++;
    this.#free.unshift(victim);
  }
}

/** Full erase blocks by their number of valid pages; each step takes constant time. */
class BlockQueue {
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #first: Int32Array;
  readonly #countOf: Int32Array;
  #least = 0;

  constructor(blocks: number, pagesPerBlock: number) {
    this.#next = new Int32Array(blocks).fill(nowhere);
    this.#previous = new Int32Array(blocks).fill(nowhere);
    this.#first = new Int32Array(pagesPerBlock + 1).fill(nowhere);
    this.#countOf = new Int32Array(blocks).fill(nowhere);
  }

  add(block: number, validPages: number): void {
    const head = this.#first[validPages]!;
    this.#countOf[block] = validPages;
    this.#previous[block] = nowhere;
    this.#next[block] = head;
    if (head !== nowhere) this.#previous[head] = block;
    this.#first[validPages] = block;
    if (validPages < this.#least) this.#least = validPages;
  }

  move(block: number, validPages: number): void {
    this.#remove(block);
    this.add(block, validPages);
  }

  takeLeast(): number {
    while (this.#first[this.#least] === nowhere) this.#least++;
    const block = this.#first[this.#least]!;
    this.#remove(block);
    return block;
  }

  #remove(block: number): void {
    const next = this.#next[block]!;
    const previous = this.#previous[block]!;
    if (next !== nowhere) this.#previous[next] = previous;
    if (previous === nowhere) this.#first[this.#countOf[block]!] = next;
    else this.#next[previous] = next;
    this.#countOf[block] = nowhere;
  }
}
