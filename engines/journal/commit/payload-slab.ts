import { Buffer } from 'node:buffer';

const slabBytes = 2 ** 18;

/**
 * Keeps copies of what callers hand in. Many lie in one allocation: one of a few KiB each would cost
 * more than the copying, and the collector's time besides. A slab lives as long as anything in it;
 * what is in it is bounded by what the ring holds.
 */
export class PayloadSlab {
  /** None before the first copy: most journals of an exploration are opened, read and left. */
  #slab = new Uint8Array(0);
  #usedBytes = 0;

  copy(source: Uint8Array): Uint8Array {
    if (source.length > slabBytes / 4) return new Uint8Array(source);
    if (this.#usedBytes + source.length > this.#slab.length) {
      // Not zeroed: only what has been copied into it is handed out.
      this.#slab = new Uint8Array(Buffer.allocUnsafeSlow(slabBytes).buffer);
      this.#usedBytes = 0;
    }
    const copy = this.#slab.subarray(this.#usedBytes, this.#usedBytes + source.length);
    copy.set(source);
    this.#usedBytes += source.length;
    return copy;
  }
}
