/**
 * Memory for drives that live for one recovery only. Thousands of recoveries a second would otherwise
 * leave hundreds of megabytes a second to the garbage collector. Buffers come zeroed; `reset` takes
 * all of them back, so it may only be called once nothing runs on the drive any more.
 */
export class MemoryPool {
  readonly #free = new Map<number, Uint8Array[]>();
  #taken: Uint8Array[] = [];

  allocate(byteCount: number): Uint8Array {
    const bytes = this.#free.get(byteCount)?.pop()?.fill(0) ?? new Uint8Array(byteCount);
    this.#taken.push(bytes);
    return bytes;
  }

  reset(): void {
    for (const bytes of this.#taken) {
      const free = this.#free.get(bytes.length);
      if (free === undefined) this.#free.set(bytes.length, [bytes]);
      else free.push(bytes);
    }
    this.#taken = [];
  }
}
