const slabBytes = 1 << 20;

/** Hands out zeroed buffers that live as long as each other: thousands of small ones are slow to make. */
export class ByteSlab {
  #slab = Buffer.alloc(0);
  #used = 0;

  take(byteCount: number): Buffer {
    if (byteCount > slabBytes) return Buffer.alloc(byteCount);
    if (this.#used + byteCount > this.#slab.length) {
      this.#slab = Buffer.alloc(slabBytes);
      this.#used = 0;
    }
    const bytes = this.#slab.subarray(this.#used, this.#used + byteCount);
    this.#used += byteCount;
    return bytes;
  }
}
