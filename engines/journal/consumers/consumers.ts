import { EngineRefusal } from '../../../harness/contract/index.ts';
import { consumerNameBytesMax, type ConsumerMark } from '../format/consumer-mark.ts';
import { consumersMax, type ConsumerTable } from '../format/consumer-table.ts';
import type { AppendedRecords } from '../volume/appended-records.ts';
import { applyMark, releasedLsnOf, watermarksOf, type Watermarks } from './consumer-replay.ts';
import { Subscription } from './subscription.ts';

export interface ConsumersSite {
  readonly appended: AppendedRecords;
  /** Queues the mark as a record; resolves when it is durable. */
  submit(mark: ConsumerMark): Promise<unknown>;
  /** Makes the table durable outside of the ring, in both pairs of the superblock. */
  store(table: () => ConsumerTable): Promise<void>;
  /** What nobody needs any more has grown. */
  onReleased(): void;
}

export interface SubscribeOptions {
  /** 1 to 55 bytes of UTF-8. */
  readonly consumer: string;
  /** Where to begin; otherwise after the last LSN that the consumer has committed. */
  readonly fromLsn?: number;
}

/** How far a consumer is with a transaction's effects in place. */
export interface ConsumerProgressMade {
  readonly consumer: string;
  readonly upTo: number;
}

/** Who reads the appended records, and how far each is: the log keeps what one of them still needs. */
export class Consumers {
  readonly #site: ConsumersSite;
  /** As acknowledged, but one that joins is here from the beginning, so that nothing is lost to it. */
  readonly #watermarks: Watermarks;
  readonly #subscriptions = new Map<string, Subscription>();
  /** On their way to the superblock: not acknowledged, but every table from now on must say them. */
  readonly #storing = new Set<ConsumerMark>();
  readonly #turns = new Map<string, Promise<unknown>>();
  #releasedByCaller: number;
  #acknowledgedLsn: number;

  constructor(table: ConsumerTable, releasedByCaller: number, site: ConsumersSite) {
    this.#watermarks = watermarksOf(table);
    this.#acknowledgedLsn = table.asOfLsn;
    this.#releasedByCaller = releasedByCaller;
    this.#site = site;
  }

  get count(): number {
    return this.#watermarks.size;
  }

  get releasedLsn(): number {
    return releasedLsnOf(this.#watermarks, this.#releasedByCaller);
  }

  /** What will be released when the mark is acknowledged. */
  releasedLsnAfter(mark: ConsumerMark): number {
    const watermarks = new Map(this.#watermarks);
    applyMark(watermarks, mark);
    return releasedLsnOf(watermarks, this.#releasedByCaller);
  }

  /** For the superblock: what the caller released, apart from what consumers are done with. */
  get releasedByCaller(): number {
    return this.#releasedByCaller;
  }

  get table(): ConsumerTable {
    const watermarks = new Map(this.#watermarks);
    for (const mark of this.#storing) applyMark(watermarks, mark);
    const consumers = [...watermarks].map(([name, watermark]) => ({ name, watermark }));
    return { asOfLsn: this.#acknowledgedLsn, consumers };
  }

  /** The consumer that holds the oldest record, if it is one. */
  get slowest(): string | undefined {
    const { releasedLsn } = this;
    for (const [name, watermark] of this.#watermarks) {
      if (watermark === releasedLsn) return name;
    }
    return undefined;
  }

  release(lsn: number): void {
    this.#releasedByCaller = Math.max(this.#releasedByCaller, lsn);
    this.#site.onReleased();
  }

  /** A record that carries a mark has been acknowledged. */
  noteMark(mark: ConsumerMark): void {
    this.#apply(mark);
    this.#site.onReleased();
  }

  /** Every mark up to that LSN has been noted. */
  noteAcknowledged(lsn: number): void {
    this.#acknowledgedLsn = lsn;
  }

  /** Throws EngineRefusal `full` where there are too many, or it is subscribed already. */
  subscribe({ consumer: name, fromLsn }: SubscribeOptions): Subscription {
    checkName(name);
    if (fromLsn !== undefined) checkLsn(fromLsn);
    if (this.#subscriptions.has(name)) {
      throw new EngineRefusal('full', `consumer "${name}" is subscribed already`);
    }
    const known = this.#watermarks.get(name);
    const watermark =
      known ?? (fromLsn === undefined ? this.releasedLsn : Math.max(0, fromLsn - 1));
    const subscription = new Subscription({
      name,
      fromLsn: fromLsn ?? watermark + 1,
      appended: this.#site.appended,
      joined: known === undefined ? this.#join(name, watermark) : Promise.resolve(),
      commit: (lsn) => this.#progress(name, lsn),
      onEnd: () => {
        if (this.#subscriptions.get(name) === subscription) this.#subscriptions.delete(name);
      },
    });
    this.#subscriptions.set(name, subscription);
    return subscription;
  }

  async unsubscribe(name: string): Promise<void> {
    await this.#subscriptions.get(name)?.return();
    await this.#inTurn(name, async () => {
      if (this.#watermarks.has(name)) await this.#log({ name, watermark: 0, kind: 'leave' });
    });
  }

  /**
   * Runs what makes the consumer's effects durable together with its mark. Rejects with RangeError where
   * that record was not handed out.
   */
  async advance(
    { consumer: name, upTo }: ConsumerProgressMade,
    submit: (mark: ConsumerMark) => Promise<number>,
  ): Promise<number> {
    this.#checkProgress(name, upTo);
    return this.#inTurn(name, () => submit({ name, watermark: upTo, kind: 'progress' }));
  }

  async #progress(name: string, lsn: number): Promise<void> {
    this.#checkProgress(name, lsn);
    await this.#inTurn(name, async () => {
      if (lsn <= (this.#watermarks.get(name) ?? 0)) return;
      await this.#log({ name, watermark: lsn, kind: 'progress' });
    });
  }

  /**
   * A consumer's steps become durable in the order in which it asked for them, and where one is refused
   * so are those that were waiting behind it: a later mark would skip the effects of the earlier.
   */
  #inTurn<T>(name: string, step: () => Promise<T>): Promise<T> {
    const done = (this.#turns.get(name) ?? Promise.resolve()).then(step);
    this.#turns.set(name, done);
    const forget = (): void => {
      if (this.#turns.get(name) === done) this.#turns.delete(name);
    };
    done.then(forget, forget);
    return done;
  }

  async #join(name: string, watermark: number): Promise<void> {
    if (this.#watermarks.size >= consumersMax) {
      throw new EngineRefusal('full', `${consumersMax} consumers, which is the most there can be`);
    }
    this.#watermarks.set(name, watermark);
    await this.#inTurn(name, () => this.#log({ name, watermark, kind: 'join' }));
  }

  /**
   * A record, or where the ring has no room for one the superblock: what a consumer is done with must
   * never have to wait for room that only it can make.
   */
  async #log(mark: ConsumerMark): Promise<void> {
    try {
      await this.#site.submit(mark);
    } catch (error) {
      if (!(error instanceof EngineRefusal) || error.reason !== 'full') throw error;
      await this.#store(mark);
    }
  }

  async #store(mark: ConsumerMark): Promise<void> {
    this.#storing.add(mark);
    try {
      await this.#site.store(() => this.table);
    } finally {
      this.#storing.delete(mark);
    }
    this.noteMark(mark);
  }

  #apply(mark: ConsumerMark): void {
    const before = this.releasedLsn;
    applyMark(this.#watermarks, mark);
    // What was released stays so when the last consumer has gone.
    if (this.#watermarks.size === 0) {
      this.#releasedByCaller = Math.max(this.#releasedByCaller, before);
    }
  }

  #checkProgress(name: string, lsn: number): void {
    checkLsn(lsn);
    const watermark = this.#watermarks.get(name);
    if (watermark === undefined) throw new RangeError(`there is no consumer "${name}"`);
    const delivered = Math.max(watermark, this.#subscriptions.get(name)?.deliveredLsn ?? 0);
    if (lsn <= delivered) return;
    throw new RangeError(
      `LSN ${lsn} has not been delivered to consumer "${name}", expected at most ${delivered}`,
    );
  }
}

function checkName(name: string): void {
  const byteCount = Buffer.byteLength(name);
  const isText = Buffer.from(name).toString() === name;
  if (byteCount >= 1 && byteCount <= consumerNameBytesMax && isText) return;
  throw new RangeError(
    `a consumer's name of ${byteCount} bytes, expected 1 to ${consumerNameBytesMax} bytes of UTF-8`,
  );
}

function checkLsn(lsn: number): void {
  if (Number.isSafeInteger(lsn) && lsn >= 0) return;
  throw new RangeError(`${lsn} is not an LSN, expected a whole number from 0 on`);
}
