/** A durable version of a block that the data area does not hold yet. */
export interface PendingVersion {
  /** Of the record that wrote it, or of the commit record of its transaction. */
  readonly lsn: number;
  readonly data: Uint8Array;
}

/**
 * The newest acknowledged version of each block that is still only in the ring. Reads look here
 * first. Bounded by the ring: a version leaves when its record's pages are given up.
 */
export class PendingBlocks {
  readonly #versions = new Map<number, PendingVersion>();
  /** Raised whenever versions leave: until then what was destaged is still served from here. */
  departures = 0;

  set(block: number, version: PendingVersion): void {
    this.#versions.set(block, version);
  }

  get(block: number): PendingVersion | undefined {
    return this.#versions.get(block);
  }

  /** The newest versions that are older than that LSN; superseded ones are not among them. */
  writtenBefore(lsn: number): ReadonlyMap<number, PendingVersion> {
    return new Map([...this.#versions].filter(([, version]) => version.lsn < lsn));
  }

  /** Forgets versions that are now durable in the data area, unless a newer one has come. */
  drop(destaged: ReadonlyMap<number, PendingVersion>): void {
    for (const [block, version] of destaged) {
      if (this.#versions.get(block) === version) this.#versions.delete(block);
    }
    this.departures += 1;
  }
}
