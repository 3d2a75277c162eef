import { Buffer } from 'node:buffer';

const slabBytes = 2 ** 17;
/** Larger ones would waste the end of a slab; they have memory to themselves. */
const payloadBytesMax = slabBytes / 4;
/** Slabs kept for the next payloads; more of them would be colder than new memory is slow. */
const spareSlabsMax = 32;

/** In use at a time, 32 MiB; where more is kept than that, the oldest is left to the collector. */
const slabsMax = 256;

interface Slab {
  readonly bytes: Uint8Array;
  /** Counts up. */
  readonly number: number;
  usedBytes: number;
  /** Of its payloads that have been acknowledged; 0 before the first. */
  lastLsn: number;
}

/**
 * Keeps copies of the payloads of appended records, in slabs that are used again once all in them has
 * been released. New memory for each would cost more than the copying: the first touch of its pages,
 * and a collection of the whole heap for every few tens of MiB.
 *
 * Payloads are acknowledged in the order in which they were copied, so a slab holds nothing that is
 * undecided once one of a later slab has been acknowledged; those that were refused hold nothing back.
 */
export class AppendPayloads {
  /** In use, oldest first; the last is being filled. */
  #slabs: Slab[] = [];
  readonly #slabOf = new Map<ArrayBufferLike, Slab>();
  readonly #spare: Uint8Array[] = [];
  #filling: Slab | undefined;
  /** The newest of which a payload has been acknowledged. */
  #acknowledged: Slab | undefined;
  #releasedLsn = 0;
  #slabCount = 0;

  copy(source: Uint8Array): Uint8Array {
    if (source.length > payloadBytesMax) return new Uint8Array(source);
    let slab = this.#filling;
    if (slab === undefined || slab.usedBytes + source.length > slabBytes) slab = this.#begin();
    const copy = new Uint8Array(slab.bytes.buffer, slab.usedBytes, source.length);
    copy.set(source);
    slab.usedBytes += source.length;
    return copy;
  }

  /** In the order of LSNs. */
  noteAcknowledged(payload: Uint8Array, lsn: number): void {
    let slab = this.#acknowledged;
    if (slab?.bytes.buffer !== payload.buffer) {
      slab = this.#slabOf.get(payload.buffer);
      if (slab === undefined) return;
      this.#acknowledged = slab;
      this.#reuse();
    }
    slab.lastLsn = lsn;
  }

  /** Nobody will read a record up to that LSN any more. */
  releaseThrough(lsn: number): void {
    this.#releasedLsn = lsn;
    this.#reuse();
  }

  /**
   * Somebody begins to read what is kept, and may go on after its release: what there is by now is left
   * to the collector. The last slab is filled up all the same, or a few bytes would keep all of it.
   */
  leaveToReaders(): void {
    this.#slabs = [];
    this.#slabOf.clear();
    this.#acknowledged = undefined;
  }

  #reuse(): void {
    const undecidedFrom = this.#acknowledged?.number ?? 0;
    for (let slab = this.#slabs[0]; slab !== undefined; slab = this.#slabs[0]) {
      if (slab.number >= undecidedFrom || slab.lastLsn > this.#releasedLsn) return;
      this.#dropOldest();
      if (this.#spare.length < spareSlabsMax) this.#spare.push(slab.bytes);
    }
  }

  #dropOldest(): void {
    this.#slabOf.delete(this.#slabs.shift()!.bytes.buffer);
  }

  #begin(): Slab {
    // Not zeroed: of a slab only copies are handed out.
    const bytes = this.#spare.pop() ?? new Uint8Array(Buffer.allocUnsafeSlow(slabBytes).buffer);
    const slab = { bytes, number: this.#slabCount++, usedBytes: 0, lastLsn: 0 };
    if (this.#slabs.length === slabsMax) this.#dropOldest();
    this.#slabs.push(slab);
    this.#slabOf.set(bytes.buffer, slab);
    this.#filling = slab;
    return slab;
  }
}
