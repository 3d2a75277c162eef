import type { ConsumerMark, ConsumerMarkRecord } from '../format/consumer-mark.ts';
import type { ConsumerTable } from '../format/consumer-table.ts';

/** How far each consumer is, by name. */
export type Watermarks = Map<string, number>;

export function watermarksOf({ consumers }: ConsumerTable): Watermarks {
  return new Map(consumers.map(({ name, watermark }) => [name, watermark]));
}

/** Marks only ever move on; one of a consumer that has left says nothing. */
export function applyMark(watermarks: Watermarks, { name, watermark, kind }: ConsumerMark): void {
  const known = watermarks.get(name);
  if (kind === 'leave') watermarks.delete(name);
  else if (kind === 'join') watermarks.set(name, known ?? watermark);
  else if (known !== undefined) watermarks.set(name, Math.max(known, watermark));
}

/**
 * What is released for the ring: what every consumer is done with, and the caller has released if it
 * ever did.
 */
export function releasedLsnOf(watermarks: Watermarks, releasedByCaller: number): number {
  if (watermarks.size === 0) return releasedByCaller;
  const slowest = Math.min(...watermarks.values());
  return releasedByCaller > 0 ? Math.min(slowest, releasedByCaller) : slowest;
}

/**
 * The consumers as the table in the superblock and the marks of the log say. A mark inside of a
 * transaction counts where that commits.
 */
export class ConsumerReplay {
  readonly watermarks: Watermarks;
  readonly #asOfLsn: number;
  readonly #open = new Map<number, ConsumerMarkRecord[]>();

  constructor(table: ConsumerTable) {
    this.watermarks = watermarksOf(table);
    this.#asOfLsn = table.asOfLsn;
  }

  mark(mark: ConsumerMarkRecord, lsn: number): void {
    if (mark.txid === 0) this.#apply(mark, lsn);
    else this.#open.set(mark.txid, [...(this.#open.get(mark.txid) ?? []), mark]);
  }

  commit(txid: number, lsn: number): void {
    for (const mark of this.#open.get(txid) ?? []) this.#apply(mark, lsn);
    this.#open.delete(txid);
  }

  endEpoch(): void {
    this.#open.clear();
  }

  #apply(mark: ConsumerMark, lsn: number): void {
    if (lsn > this.#asOfLsn) applyMark(this.watermarks, mark);
  }
}
