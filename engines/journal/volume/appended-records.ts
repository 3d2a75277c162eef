/** A record of the caller's, as `append` took it. */
export interface AppendedRecord {
  readonly lsn: number;
  readonly type: number;
  readonly tenant: number;
  readonly vshard: number;
  readonly payload: Uint8Array;
}

/** Released records are dropped from the list only when there are so many, and half of it. */
const slackMin = 1024;

/**
 * The appended records that are durable and not released, oldest first. They are in the ring as well;
 * the copies here are bounded by it.
 */
export class AppendedRecords {
  #records: AppendedRecord[];
  /** Records before it have been released. */
  #start = 0;
  /** Who waits for the next record, or for the end. */
  #wake: (() => void)[] = [];
  #isClosed = false;

  constructor(recovered: readonly AppendedRecord[]) {
    this.#records = [...recovered];
  }

  /** In the order of their LSNs. */
  add(record: AppendedRecord): void {
    this.#records.push(record);
    this.#wakeAll();
  }

  releaseThrough(lsn: number): void {
    while (this.#start < this.#records.length && this.#records[this.#start]!.lsn <= lsn) {
      this.#start += 1;
    }
    if (this.#start < slackMin || 2 * this.#start < this.#records.length) return;
    this.#records = this.#records.slice(this.#start);
    this.#start = 0;
  }

  /** The first that is kept with at least that LSN. */
  next(lsn: number): AppendedRecord | undefined {
    const record = this.#records[this.#indexOf(lsn)];
    return record && copyOf(record);
  }

  /** What is there when the iteration begins; later records are not part of it. */
  async *from(lsn: number): AsyncGenerator<AppendedRecord, void, undefined> {
    for (const record of this.#records.slice(this.#indexOf(lsn))) yield copyOf(record);
  }

  /** Resolves when there is one more, at the end, or when somebody calls `wake`. */
  changed(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake.push(resolve);
    });
  }

  wake(): void {
    this.#wakeAll();
  }

  /** None will be added any more. */
  close(): void {
    this.#isClosed = true;
    this.#wakeAll();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  #indexOf(lsn: number): number {
    let low = this.#start;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#records[middle]!.lsn < lsn) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #wakeAll(): void {
    if (this.#wake.length === 0) return;
    const woken = this.#wake;
    this.#wake = [];
    for (const resolve of woken) resolve();
  }
}

function copyOf(record: AppendedRecord): AppendedRecord {
  return { ...record, payload: record.payload.slice() };
}
