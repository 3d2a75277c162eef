/**
 * What is known of the operations in flight, in columns by slot: the entry of the feed is gone as soon
 * as the next one is taken up.
 */
export class SlotTable {
  readonly kinds: Uint8Array;
  readonly fileIndexes: Uint16Array;
  readonly byteOffsets: Float64Array;
  readonly byteCounts: Uint32Array;
  /** Bytes that earlier, short transfers of the operation have done. */
  readonly doneBytes: Uint32Array;
  /** What the kernel answers where all goes well. */
  readonly expectedResults: Int32Array;
  readonly startMs: Float64Array;
  readonly issuedMs: Float64Array;
  readonly dueMs: Float64Array;
  /** Of a sync: the writes that it covers. */
  readonly marks: Float64Array;
  readonly writeNumbers: Float64Array;
  readonly #free: Uint32Array;
  readonly #isBusy: Uint8Array;
  #freeCount: number;

  constructor(slotCount: number) {
    this.kinds = new Uint8Array(slotCount);
    this.fileIndexes = new Uint16Array(slotCount);
    this.byteOffsets = new Float64Array(slotCount);
    this.byteCounts = new Uint32Array(slotCount);
    this.doneBytes = new Uint32Array(slotCount);
    this.expectedResults = new Int32Array(slotCount);
    this.startMs = new Float64Array(slotCount);
    this.issuedMs = new Float64Array(slotCount);
    this.dueMs = new Float64Array(slotCount);
    this.marks = new Float64Array(slotCount);
    this.writeNumbers = new Float64Array(slotCount);
    this.#free = Uint32Array.from({ length: slotCount }, (_, slot) => slotCount - 1 - slot);
    this.#isBusy = new Uint8Array(slotCount);
    this.#freeCount = slotCount;
  }

  get slotCount(): number {
    return this.#free.length;
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  get busyCount(): number {
    return this.#free.length - this.#freeCount;
  }

  /** The slot used last, whose memory is still in the caches. There must be a free one. */
  take(): number {
    const slot = this.#free[--this.#freeCount]!;
    this.#isBusy[slot] = 1;
    return slot;
  }

  giveBack(slot: number): void {
    this.#isBusy[slot] = 0;
    this.#free[this.#freeCount++] = slot;
  }

  /** Whether an operation in flight touches a byte of the range. */
  overlaps(fileIndex: number, byteOffset: number, byteCount: number): boolean {
    for (let slot = 0; slot < this.#isBusy.length; slot++) {
      if (this.#isBusy[slot] === 0 || this.fileIndexes[slot] !== fileIndex) continue;
      const begin = this.byteOffsets[slot]!;
      if (begin < byteOffset + byteCount && byteOffset < begin + this.byteCounts[slot]!) {
        return true;
      }
    }
    return false;
  }
}
