import type { LogPosition } from '../format/log-position.ts';

/** A batch whose pages are in use: between the durable tail and the head. */
export interface LiveBatch {
  readonly start: LogPosition;
  readonly end: LogPosition;
  /** Highest LSN of an appended record in it; 0 without one. */
  readonly keepsLsn: number;
  /** An operation goes on behind it, so the tail must not come to rest there. */
  readonly endsInside: boolean;
}

/** The batches in use, oldest first, and how far their pages could be given up. */
export class LiveBatches {
  /** The caller needs no appended record up to this LSN any more. */
  releasedLsn: number;
  /** Where transactions may stay open: the tail must not move past the first LSN that they need. */
  openTransactions: { readonly heldFromLsn: number } | undefined;
  #batches: LiveBatch[];
  /** Every page before it is durable, and what those pages acknowledge has been acknowledged. */
  #durablePageSeq = 0;

  constructor(recovered: readonly LiveBatch[], releasedLsn: number) {
    this.#batches = [...recovered];
    this.#durablePageSeq = recovered.at(-1)?.end.pageSeq ?? 0;
    this.releasedLsn = releasedLsn;
  }

  get #heldFromLsn(): number {
    return this.openTransactions?.heldFromLsn ?? Infinity;
  }

  noteDurable(endPageSeq: number): void {
    this.#durablePageSeq = endPageSeq;
  }

  add(batch: LiveBatch): void {
    this.#batches.push(batch);
  }

  /**
   * The place to move the tail to: the first between two operations that is at or behind `wanted`,
   * else the last there is. Undefined where the oldest batch cannot be given up, because it is not
   * durable yet, or holds an appended record that is still wanted or records of an open transaction.
   */
  cutFor(wantedPageSeq: number, head: LogPosition): LogPosition | undefined {
    const heldFromLsn = this.#heldFromLsn;
    let cut: LogPosition | undefined;
    for (const [index, batch] of this.#batches.entries()) {
      if (batch.end.pageSeq > this.#durablePageSeq) break;
      if (batch.keepsLsn > this.releasedLsn || batch.end.nextLsn > heldFromLsn) break;
      if (batch.endsInside) continue;
      cut = this.#batches[index + 1]?.start ?? head;
      if (cut.pageSeq >= wantedPageSeq) break;
    }
    return cut;
  }

  /** What keeps the oldest batch; undefined where that is only that it is not durable yet. */
  get holder(): 'append' | 'transaction' | undefined {
    for (const batch of this.#batches) {
      if (batch.keepsLsn > this.releasedLsn) return 'append';
      if (batch.end.nextLsn > this.#heldFromLsn) return 'transaction';
      if (!batch.endsInside) return undefined;
    }
    return undefined;
  }

  /** Pages of the oldest batches that could be given up if that much were released. */
  pagesFreedBy(releasedLsn: number): number {
    const first = this.#batches[0]?.start.pageSeq ?? 0;
    let freedEnd = first;
    for (const batch of this.#batches) {
      if (batch.keepsLsn > releasedLsn || batch.end.nextLsn > this.#heldFromLsn) break;
      if (!batch.endsInside) freedEnd = batch.end.pageSeq;
    }
    return freedEnd - first;
  }

  dropBefore(pageSeq: number): void {
    this.#batches = this.#batches.filter((batch) => batch.start.pageSeq >= pageSeq);
  }
}
