import { EngineRefusal } from '../../../../harness/contract/index.ts';
import { entriesPerMapPage, mapPageBytes, mapPageOf, readMapEntry } from '../../format/map-page.ts';
import { placeCountOf } from '../../format/layout.ts';
import { viewOf } from '../../format/u64.ts';
import type { VolumeSite } from '../volume-mode.ts';
import type { BlockMap, PlacedBlock } from './block-map.ts';
import type { FreeSpace } from './free-space.ts';
import { readMapPages } from './map-store.ts';

/**
 * Loads the pages of the map that somebody needs while the volume is open, each once. A page that is
 * damaged, or cannot be read, is the trouble of whoever needs it, each time again.
 */
export class MapLoads {
  readonly #site: VolumeSite;
  readonly #map: BlockMap;
  readonly #free: FreeSpace;
  readonly #onTheirWay = new Map<number, Promise<void>>();
  readonly #buffers: Uint8Array[] = [];

  constructor(site: VolumeSite, map: BlockMap, free: FreeSpace) {
    this.#site = site;
    this.#map = map;
    this.#free = free;
  }

  /** Undefined where the pages of these blocks are there; rejects with EngineRefusal. */
  load(changed: readonly { readonly block: number }[]): Promise<unknown> | undefined {
    const missing = new Set<number>();
    for (const { block } of changed) {
      const pageNumber = mapPageOf(block);
      if (!this.#map.hasPage(pageNumber)) missing.add(pageNumber);
    }
    return this.#loadAll(missing);
  }

  /** The same for blocks in a row. */
  loadRange(block: number, count: number): Promise<unknown> | undefined {
    const missing = new Set<number>();
    const last = mapPageOf(block + count - 1);
    for (let pageNumber = mapPageOf(block); pageNumber <= last; pageNumber++) {
      if (!this.#map.hasPage(pageNumber)) missing.add(pageNumber);
    }
    return this.#loadAll(missing);
  }

  #loadAll(pages: ReadonlySet<number>): Promise<unknown> | undefined {
    if (pages.size === 0) return undefined;
    return Promise.all(Array.from(pages, (pageNumber) => this.#loadOnce(pageNumber)));
  }

  #loadOnce(pageNumber: number): Promise<void> {
    let loading = this.#onTheirWay.get(pageNumber);
    if (loading === undefined) {
      loading = this.#load(pageNumber).finally(() => this.#onTheirWay.delete(pageNumber));
      this.#onTheirWay.set(pageNumber, loading);
    }
    return loading;
  }

  async #load(pageNumber: number): Promise<void> {
    const bytes = this.#buffers.pop() ?? this.#site.data.device.allocate(mapPageBytes);
    try {
      await readMapPages(this.#site, pageNumber, bytes);
      for (const { block, place } of entriesIn(this.#site, pageNumber, bytes)) {
        checkPlace(this.#site, this.#free, block, place);
      }
      this.#map.loadPage(pageNumber, bytes);
    } finally {
      this.#buffers.push(bytes);
    }
  }
}

/** The blocks of a page that have been written, and where they lie. */
export function* entriesIn(
  { layout }: VolumeSite,
  pageNumber: number,
  page: Uint8Array,
): Generator<PlacedBlock, void, undefined> {
  const view = viewOf(page);
  const first = pageNumber * entriesPerMapPage;
  const count = Math.min(entriesPerMapPage, layout.dataBlocks - first);
  for (let index = 0; index < count; index++) {
    const entry = readMapEntry(view, index);
    if (entry !== undefined) yield { block: first + index, place: entry.physical };
  }
}

/**
 * A place that an entry names must be there, and not be known to be free: else a page of the map, or
 * the page of free places, is not what it should be, and the block may be another's by now. Throws
 * EngineRefusal `corrupt`.
 */
export function checkPlace(
  { layout }: VolumeSite,
  free: FreeSpace,
  block: number,
  place: number,
): void {
  if (place < placeCountOf(layout) && !free.has(place)) return;
  throw new EngineRefusal(
    'corrupt',
    `the block map puts block ${block} at place ${place}, which is outside of the data area, free, or another block's`,
  );
}
