const slabBytes = 2 ** 18;

/**
 * Keeps copies of what callers hand in. Many lie in one allocation: one of a few KiB each would cost
 * more than the copying, and the collector's time besides. A slab lives as long as anything in it;
 * what is in it is bounded by what the ring holds.
 */
export class PayloadSlab {
  #slab = new Uint8Array(slabBytes);
  #usedBytes = 0;

  copy(source: Uint8Array): Uint8Array {
    if (source.length > slabBytes / 4) return source.slice();
    if (this.#usedBytes + source.length > slabBytes) {
      this.#slab = new Uint8Array(slabBytes);
      this.#usedBytes = 0;
    }
    const copy = this.#slab.subarray(this.#usedBytes, this.#usedBytes + source.length);
    copy.set(source);
    this.#usedBytes += source.length;
    return copy;
  }
}
