/** A record of the caller's, as `append` took it. */
export interface AppendedRecord {
  readonly lsn: number;
  readonly type: number;
  readonly tenant: number;
  readonly vshard: number;
  readonly payload: Uint8Array;
}

/**
 * The appended records that are durable and not released, oldest first. They are in the ring as well;
 * the copies here are bounded by it.
 */
export class AppendedRecords {
  #records: AppendedRecord[];

  constructor(recovered: readonly AppendedRecord[]) {
    this.#records = [...recovered];
  }

  add(record: AppendedRecord): void {
    this.#records.push(record);
  }

  releaseThrough(lsn: number): void {
    this.#records = this.#records.filter((record) => record.lsn > lsn);
  }

  /** What is there when the iteration begins; later records are not part of it. */
  async *from(lsn: number): AsyncGenerator<AppendedRecord, void, undefined> {
    for (const record of this.#records.filter((one) => one.lsn >= lsn)) {
      yield { ...record, payload: record.payload.slice() };
    }
  }
}
