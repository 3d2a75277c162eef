import type { AppendedRecord, AppendedRecords } from '../volume/appended-records.ts';

export interface SubscriptionSite {
  readonly name: string;
  readonly fromLsn: number;
  readonly appended: AppendedRecords;
  /** Resolves when the consumer is known for good. */
  readonly joined: Promise<void>;
  commit(lsn: number): Promise<void>;
  onEnd(): void;
}

/**
 * The appended records for one consumer: durable ones only, in the order of their LSNs, and then those to
 * come. Ends when the journal is closed or has failed, or with `return()`.
 */
export class Subscription implements AsyncIterableIterator<AppendedRecord, void, undefined> {
  readonly #site: SubscriptionSite;
  #nextLsn: number;
  #deliveredLsn = 0;
  #isEnded = false;

  constructor(site: SubscriptionSite) {
    this.#site = site;
    this.#nextLsn = site.fromLsn;
    // Whoever asks for the first record learns of it.
    site.joined.catch(() => undefined);
  }

  /** Of the newest record that was handed out; 0 before the first. */
  get deliveredLsn(): number {
    return this.#deliveredLsn;
  }

  async next(): Promise<IteratorResult<AppendedRecord, void>> {
    const { appended, joined } = this.#site;
    await joined;
    while (!this.#isEnded) {
      const record = appended.next(this.#nextLsn);
      if (record !== undefined) return this.#deliver(record);
      if (appended.isClosed) break;
      await appended.changed();
    }
    return { done: true, value: undefined };
  }

  /** Nothing more is handed out; the consumer stays, and goes on when it subscribes again. */
  async return(): Promise<IteratorResult<AppendedRecord, void>> {
    this.#isEnded = true;
    this.#site.onEnd();
    this.#site.appended.wake();
    return Promise.resolve({ done: true, value: undefined });
  }

  /**
   * The consumer is done with every record up to that LSN: none of them is handed out again without
   * being asked for, after any crash, once this has resolved. Throws RangeError for an LSN that was
   * not handed out.
   */
  async commit(lsn: number): Promise<void> {
    await this.#site.joined;
    await this.#site.commit(lsn);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #deliver(record: AppendedRecord): IteratorResult<AppendedRecord, void> {
    this.#nextLsn = record.lsn + 1;
    this.#deliveredLsn = Math.max(this.#deliveredLsn, record.lsn);
    return { done: false, value: record };
  }
}
