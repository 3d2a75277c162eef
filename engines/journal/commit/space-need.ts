import type { PageCodec } from '../format/page.ts';
import { batchCapacityBytes } from './batch-sealer.ts';
import { draftBytes, type Operation } from './operation.ts';

export interface PagesNeeded {
  /** Free in the ring before it begins: an operation that has begun must never wait for the tail. */
  readonly ringPages: number;
  /** In the next batch. */
  readonly batchPages: number;
}

/** How much room an operation needs before any of it is sent. */
export class SpaceNeed {
  readonly #codec: PageCodec;
  readonly #batchPagesMax: number;
  readonly #capacityBytes: number;

  constructor(codec: PageCodec, batchPagesMax: number) {
    this.#codec = codec;
    this.#batchPagesMax = batchPagesMax;
    this.#capacityBytes = batchCapacityBytes(batchPagesMax, codec);
  }

  /** Most bytes of records that one batch surely holds. */
  get capacityBytes(): number {
    return this.#capacityBytes;
  }

  of(operation: Operation): PagesNeeded {
    const leftBytes = operation.byteCount - operation.sealedBytes;
    const batchPages =
      leftBytes > this.#capacityBytes ? this.#batchPagesMax : this.#pagesFor(leftBytes);
    const isBegun = operation.sealedCount > 0;
    const batches = isBegun ? 1 : this.#batchesOf(operation);
    return { batchPages, ringPages: batches > 1 ? batches * this.#batchPagesMax : batchPages };
  }

  /** For one operation with so many bytes of small records. */
  ofSmallRecords(byteCount: number): number {
    if (byteCount <= this.#capacityBytes) return this.#pagesFor(byteCount);
    return (Math.ceil(byteCount / this.#capacityBytes) + 1) * this.#batchPagesMax;
  }

  #pagesFor(byteCount: number): number {
    const overheadBytes = batchCapacityBytes(0, this.#codec);
    return Math.ceil((byteCount - overheadBytes) / this.#codec.bodyBytes);
  }

  #batchesOf({ drafts, byteCount }: Operation): number {
    if (byteCount <= this.#capacityBytes) return 1;
    let batches = 1;
    let usedBytes = 0;
    for (const draft of drafts) {
      if (usedBytes + draftBytes(draft) > this.#capacityBytes) {
        batches += 1;
        usedBytes = 0;
      }
      usedBytes += draftBytes(draft);
    }
    return batches;
  }
}
