import type { Crc32c } from '../../format/crc32c.ts';
import { viewOf } from '../../format/u64.ts';
import {
  beginMapPage,
  entriesPerMapPage,
  mapPageOf,
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

export interface PlacedBlock {
  readonly block: number;
  readonly place: number;
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

/** The entries of a page, as they are now. */
interface LoadedPage {
  /** One more than the place; 0 where the block has never been written. */
  readonly places: Float64Array;
  readonly dataDigests: Uint32Array;
  readonly lsnsLow: Uint32Array;
}

/**
 * The block map in memory, as far as it has been needed: where the newest acknowledged version of each
 * block lies. A page that is not loaded is on the medium as it should be. Knows which of the others the
 * medium is behind with. All but `loadPage` and `hasPage` are for blocks whose pages are
 * loaded.
 */
export class BlockMap {
  readonly hasDigests: boolean;
  readonly #site: BlockMapSite;
  readonly #pages = new Map<number, LoadedPage>();
  readonly #dirtyPages = new Set<number>();

  constructor(site: BlockMapSite) {
    this.#site = site;
    this.hasDigests = site.hasDigests;
  }

  /** Each takes 4 KiB of memory. */
  get loadedPages(): number {
    return this.#pages.size;
  }

  hasPage(pageNumber: number): boolean {
    return this.#pages.has(pageNumber);
  }

  placeOf(block: number): number {
    return this.#pageOf(block).places[block % entriesPerMapPage]! - 1;
  }

  digestOf(block: number): number {
    return this.#pageOf(block).dataDigests[block % entriesPerMapPage]!;
  }

  /** Tells two versions of a block apart that lie in the same place. */
  versionOf(block: number): number {
    return this.#pageOf(block).lsnsLow[block % entriesPerMapPage]!;
  }

  /** The blocks of a page that have been written, and where they lie. */
  *entriesOf(pageNumber: number): Generator<PlacedBlock, void, undefined> {
    const { places } = this.#pages.get(pageNumber)!;
    for (const [index, place] of places.entries()) {
      if (place > 0) yield { block: pageNumber * entriesPerMapPage + index, place: place - 1 };
    }
  }

  /** Answers the place that held the block before, or `nowhere`. */
  move({ block, physical, dataDigest }: Placement, lsn: number): number {
    const page = this.#pageOf(block);
    const index = block % entriesPerMapPage;
    const before = page.places[index]! - 1;
    page.places[index] = physical + 1;
    page.dataDigests[index] = dataDigest;
    page.lsnsLow[index] = lsn;
    this.#dirtyPages.add(mapPageOf(block));
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
    const { places, dataDigests, lsnsLow } = this.#pages.get(pageNumber)!;
    const { uuid, crc32c } = this.#site;
    const entryCount = this.#entriesOf(pageNumber);
    beginMapPage(target, { pageNumber, uuid, checkpointLsn, entryCount });
    const view = viewOf(target);
    for (let index = 0; index < entryCount; index++) {
      if (places[index] === 0) continue;
      putMapEntry(view, index, {
        physical: places[index]! - 1,
        dataDigest: dataDigests[index]!,
        hasDigest: this.hasDigests,
        lsnLow: lsnsLow[index]!,
      });
    }
    sealMapPage(target, crc32c);
  }

  /** Takes over the entries of a page that has been found whole. */
  loadPage(pageNumber: number, bytes: Uint8Array): void {
    const view = viewOf(bytes);
    const page = {
      places: new Float64Array(entriesPerMapPage),
      dataDigests: new Uint32Array(entriesPerMapPage),
      lsnsLow: new Uint32Array(entriesPerMapPage),
    };
    for (let index = 0; index < this.#entriesOf(pageNumber); index++) {
      const entry = readMapEntry(view, index);
      if (entry === undefined) continue;
      page.places[index] = entry.physical + 1;
      page.dataDigests[index] = entry.dataDigest;
      page.lsnsLow[index] = entry.lsnLow;
    }
    this.#pages.set(pageNumber, page);
  }

  #pageOf(block: number): LoadedPage {
    return this.#pages.get(mapPageOf(block))!;
  }

  #entriesOf(pageNumber: number): number {
    return Math.min(entriesPerMapPage, this.#site.dataBlocks - pageNumber * entriesPerMapPage);
  }
}
