import type { Crc32c } from '../../format/crc32c.ts';
import { viewOf } from '../../format/u64.ts';
import {
  beginMapPage,
  entriesPerMapPage,
  putMapEntry,
  readMapEntry,
  sealMapPage,
} from '../../format/map-page.ts';

/** Where a block goes, and the checksum of what it holds from then on. */
export interface Placement {
  readonly block: number;
  readonly physical: number;
  readonly dataDigest: number;
}

/** What `placeOf` answers for a block that has never been written. */
export const nowhere = -1;

export interface BlockMapSite {
  readonly dataBlocks: number;
  readonly uuid: Uint8Array;
  /** Whether the checksums are those of the data, so that a reader can hold the data against them. */
  readonly hasDigests: boolean;
  readonly crc32c: Crc32c;
}

/**
 * The block map in memory, 16 bytes per block of the volume: where the newest acknowledged version of
 * each block lies. Knows which of its pages on the medium are behind it.
 */
export class BlockMap {
  readonly hasDigests: boolean;
  readonly #site: BlockMapSite;
  /** One more than the place; 0 where the block has never been written. */
  readonly #places: Float64Array;
  readonly #dataDigests: Uint32Array;
  readonly #lsnsLow: Uint32Array;
  readonly #dirtyPages = new Set<number>();

  constructor(site: BlockMapSite) {
    this.#site = site;
    this.hasDigests = site.hasDigests;
    this.#places = new Float64Array(site.dataBlocks);
    this.#dataDigests = new Uint32Array(site.dataBlocks);
    this.#lsnsLow = new Uint32Array(site.dataBlocks);
  }

  get blockCount(): number {
    return this.#site.dataBlocks;
  }

  placeOf(block: number): number {
    return this.#places[block]! - 1;
  }

  digestOf(block: number): number {
    return this.#dataDigests[block]!;
  }

  /** Tells two versions of a block apart that lie in the same place. */
  versionOf(block: number): number {
    return this.#lsnsLow[block]!;
  }

  /** Answers the place that held the block before, or `nowhere`. */
  move({ block, physical, dataDigest }: Placement, lsn: number): number {
    const before = this.placeOf(block);
    this.#places[block] = physical + 1;
    this.#dataDigests[block] = dataDigest;
    this.#lsnsLow[block] = lsn;
    this.#dirtyPages.add(Math.floor(block / entriesPerMapPage));
    return before;
  }

  /** Pages that are not on the medium as they are here, ascending; from now on they count as written. */
  takeDirtyPages(): Float64Array {
    const pages = Float64Array.from(this.#dirtyPages).sort();
    this.#dirtyPages.clear();
    return pages;
  }

  /** The page as it is now. */
  encodePage(pageNumber: number, checkpointLsn: number, target: Uint8Array): void {
    const { uuid, crc32c, dataBlocks } = this.#site;
    const first = pageNumber * entriesPerMapPage;
    const entryCount = Math.min(entriesPerMapPage, dataBlocks - first);
    beginMapPage(target, { pageNumber, uuid, checkpointLsn, entryCount });
    const view = viewOf(target);
    for (let index = 0; index < entryCount; index++) {
      const block = first + index;
      if (this.#places[block] === 0) continue;
      putMapEntry(view, index, {
        physical: this.placeOf(block),
        dataDigest: this.#dataDigests[block]!,
        hasDigest: this.hasDigests,
        lsnLow: this.#lsnsLow[block]!,
      });
    }
    sealMapPage(target, crc32c);
  }

  /** Takes over the entries of a page that has been found whole. */
  loadPage(pageNumber: number, page: Uint8Array): void {
    const view = viewOf(page);
    const first = pageNumber * entriesPerMapPage;
    const entryCount = Math.min(entriesPerMapPage, this.blockCount - first);
    for (let index = 0; index < entryCount; index++) {
      const entry = readMapEntry(view, index);
      if (entry === undefined) continue;
      this.#places[first + index] = entry.physical + 1;
      this.#dataDigests[first + index] = entry.dataDigest;
      this.#lsnsLow[first + index] = entry.lsnLow;
    }
  }
}
