/**
 * Device memory lent out for transfers whose own memory the device cannot use: a Buffer lies at a
 * page plus 16 bytes, which O_DIRECT refuses. Sizes are powers of two, so that few are ever made.
 */
export class BounceBuffers {
  readonly #source: { allocate(byteCount: number): Uint8Array };
  readonly #free = new Map<number, Uint8Array[]>();

  constructor(source: { allocate(byteCount: number): Uint8Array }) {
    this.#source = source;
  }

  /** Exactly that many bytes, at the start of a page, not zeroed. */
  borrow(byteCount: number): Uint8Array {
    const sizeBytes = sizeClass(byteCount);
    const whole = this.#free.get(sizeBytes)?.pop() ?? this.#source.allocate(sizeBytes);
    return whole.subarray(0, byteCount);
  }

  giveBack(lent: Uint8Array): void {
    const sizeBytes = sizeClass(lent.byteLength);
    const whole = new Uint8Array(lent.buffer, lent.byteOffset, sizeBytes);
    const free = this.#free.get(sizeBytes);
    if (free === undefined) this.#free.set(sizeBytes, [whole]);
    else free.push(whole);
  }
}

function sizeClass(byteCount: number): number {
  return Math.max(4096, 2 ** Math.ceil(Math.log2(byteCount)));
}
