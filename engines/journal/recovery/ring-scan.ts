import { EngineRefusal } from '../../../harness/contract/index.ts';
import { ownerOf, owns, type EpochEntry } from '../format/epoch-table.ts';
import { pageAt, pageFormat, pageMagic, type PageCodec, type PageRun } from '../format/page.ts';
import { readU64 } from '../format/u64.ts';
import { offsetOfSlot, type RingContents } from './read-ring.ts';
import { damageOf } from './tear.ts';

/** Where the log begins and who owns its pages: what tells a current page from a stale one. */
export interface LogBounds {
  readonly tailPageSeq: number;
  readonly epochs: readonly EpochEntry[];
}

export type PageState = 'current' | 'stale' | 'torn' | 'rotten';

/** A whole page of ours that the superblock cannot know of, or one that is not where it belongs. */
export interface OddPage {
  readonly slot: number;
  readonly pageSeq: number;
  readonly epoch: number;
}

const current = 1;

/**
 * What each slot of the ring holds, seen from the superblock. `classify` looks at the envelopes
 * and computes the CRC only of pages that claim to belong to the log; of the others it matters only
 * what stands right behind the log's end, and `stateOf` takes a closer look there.
 */
export class RingScan {
  readonly pages: PageRun;
  readonly codec: PageCodec;
  readonly ringPages: number;
  readonly unreadable: ReadonlySet<number>;
  readonly bounds: LogBounds;
  newestCurrent = -1;
  /** Highest `durable_lsn` in any current page: the log once reached that far for certain. */
  durableLsnMax = 0;
  /** The first page of the log that says so, and its epoch; -1 without one. */
  durableWitness = -1;
  witnessEpoch = -1;
  /** Newest tail that a current page names: a superblock with it was durable. */
  newestTail = 0;
  readonly misplaced: OddPage[] = [];
  readonly unknownToSuperblock: OddPage[] = [];
  readonly #ring: RingContents;
  readonly #states: Uint8Array;
  #classifiedPages = 0;

  constructor(ring: RingContents, codec: PageCodec, bounds: LogBounds) {
    this.pages = ring.pages;
    this.unreadable = ring.unreadable;
    this.#ring = ring;
    this.codec = codec;
    this.bounds = bounds;
    this.ringPages = ring.pages.bytes.length / codec.pageBytes;
    this.#states = new Uint8Array(this.ringPages);
  }

  /** Goes on up to so many pages, in the order of the memory: they have been read. */
  classify(pageCount: number): void {
    const { firstSlot } = this.#ring;
    for (let index = this.#classifiedPages; index < pageCount; index++) {
      const slot = firstSlot + index;
      this.#classify(slot < this.ringPages ? slot : slot - this.ringPages);
    }
    this.#classifiedPages = pageCount;
  }

  /** Where the page in the slot of that page begins in `pages`. */
  offsetOf(pageSeq: number): number {
    return offsetOfSlot(this.#ring, pageSeq % this.ringPages, this.codec.pageBytes);
  }

  /** Only for pages in [tail, tail + N). */
  isCurrent(pageSeq: number): boolean {
    return this.#states[pageSeq % this.ringPages] === current;
  }

  isUnreadable(pageSeq: number): boolean {
    return this.unreadable.has(pageSeq % this.ringPages);
  }

  /** What the slot of a page holds in place of it; only for pages in [tail, tail + N). */
  stateOf(pageSeq: number): PageState {
    if (this.isCurrent(pageSeq)) return 'current';
    const at = this.offsetOf(pageSeq);
    if (this.isUnreadable(pageSeq)) return 'rotten';
    if (this.codec.isWhole(this.pages, at)) {
      const found = readU64(this.pages.view, at + pageAt.pageSeq);
      return found % this.ringPages === pageSeq % this.ringPages ? 'stale' : 'rotten';
    }
    const damage = damageOf(this.pages, at, this.codec, {
      pageSeq,
      owner: ownerOf(this.bounds.epochs, pageSeq),
      newestEpoch: this.bounds.epochs.at(-1)!.epoch,
      ringPages: this.ringPages,
    });
    return damage === 'untouched' ? 'stale' : damage;
  }

  #classify(slot: number): void {
    const { view } = this.pages;
    const { tailPageSeq, epochs } = this.bounds;
    const at = offsetOfSlot(this.#ring, slot, this.codec.pageBytes);
    if (view.getUint32(at + pageAt.magic, true) !== pageMagic) return;
    if (view.getUint32(at + pageAt.journalId, true) !== this.codec.journalId) return;
    const pageSeq = readU64(view, at + pageAt.pageSeq);
    // A page of an earlier lap, EMPTY ones included.
    if (pageSeq < tailPageSeq) return;
    if (!this.codec.isWhole(this.pages, at)) return;
    checkFormat(view, at, pageSeq);
    const epoch = view.getUint32(at + pageAt.epoch, true);
    // Valid, but at the wrong slot: a write was misdirected.
    if (pageSeq % this.ringPages !== slot) {
      return void this.misplaced.push({ slot, pageSeq, epoch });
    }
    if (epoch > epochs.at(-1)!.epoch || pageSeq >= tailPageSeq + this.ringPages) {
      return void this.unknownToSuperblock.push({ slot, pageSeq, epoch });
    }
    // A page of an epoch that lost this place to a later one is dead, however whole it is.
    if (!owns(ownerOf(epochs, pageSeq), epoch)) return;
    this.#states[slot] = current;
    this.newestCurrent = Math.max(this.newestCurrent, pageSeq);
    this.newestTail = Math.max(
      this.newestTail,
      pageSeq - view.getUint32(at + pageAt.tailDistance, true),
    );
    this.#noteDurable(readU64(view, at + pageAt.durableLsn), pageSeq, epoch);
  }

  #noteDurable(durableLsn: number, pageSeq: number, epoch: number): void {
    const isFirst = durableLsn === this.durableLsnMax && pageSeq < this.durableWitness;
    if (durableLsn <= this.durableLsnMax && !isFirst) return;
    this.durableLsnMax = durableLsn;
    this.durableWitness = pageSeq;
    this.witnessEpoch = epoch;
  }
}

/** The whole of a ring that has been read. Throws EngineRefusal where a newer engine wrote a page. */
export function scanRing(ring: RingContents, codec: PageCodec, bounds: LogBounds): RingScan {
  const scan = new RingScan(ring, codec, bounds);
  scan.classify(scan.ringPages);
  return scan;
}

/** A whole page that a newer engine wrote: what it means is not for this one to guess (I19). */
function checkFormat(view: DataView, at: number, pageSeq: number): void {
  const format = view.getUint16(at + pageAt.format, true);
  if (format === pageFormat) return;
  throw new EngineRefusal(
    'incompatible',
    `page ${pageSeq} has format ${format}, expected ${pageFormat}: it was written by a newer engine`,
  );
}
