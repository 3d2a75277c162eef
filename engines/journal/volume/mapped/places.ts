import { EngineRefusal } from '../../../../harness/contract/index.ts';
import { OutcomeUnknown } from '../../errors.ts';
import { placeCountOf } from '../../format/layout.ts';
import type { VolumeSite } from '../volume-mode.ts';
import type { BlockMap } from './block-map.ts';
import { findFreePlaces } from './find-free-places.ts';
import { FreeSpace } from './free-space.ts';

/**
 * Gives out places of the data area. It begins with those that the page of free places named; the map
 * is read whole, once, when they do not suffice.
 */
export class Places {
  readonly #site: VolumeSite;
  readonly #map: BlockMap;
  readonly #free: FreeSpace;
  readonly #onFound: () => void;
  /** Given out, and neither in the map yet nor given back. */
  readonly #taken = new Set<number>();
  #search: Promise<void> | undefined;
  #isSearching = false;
  #failure: Error | undefined;
  #isStopped = false;

  /** `onFound` is called when it may be worth to ask again. */
  constructor(site: VolumeSite, map: BlockMap, free: FreeSpace, onFound: () => void) {
    this.#site = site;
    this.#map = map;
    this.#free = free;
    this.#onFound = onFound;
  }

  /** So many, else why there will be none, else undefined: there will be some later. */
  take(count: number): Float64Array | Error | undefined {
    if (this.#isSearching) return undefined;
    const places = this.#free.take(count);
    if (places !== undefined) {
      for (const place of places) this.#taken.add(place);
      return places;
    }
    if (this.#free.knowsAll) return undefined;
    if (this.#failure !== undefined) return this.#failure;
    // Whoever asks again is told of a failure.
    this.findAll().catch(() => undefined);
    return undefined;
  }

  /** Nothing refers to them, and nothing is on its way to them. */
  giveBack(places: Iterable<number>): void {
    for (const place of places) {
      this.#taken.delete(place);
      this.#free.add(place);
    }
  }

  /** The map has them. */
  noteMapped(places: Iterable<number>): void {
    for (const place of places) this.#taken.delete(place);
  }

  /** Reads the whole map, once; rejects with EngineRefusal where it cannot be trusted. */
  findAll(): Promise<void> {
    this.#search ??= this.#findAll();
    return this.#search;
  }

  stop(reason: string): void {
    this.#isStopped = true;
    this.#failure ??= new OutcomeUnknown(reason);
  }

  async #findAll(): Promise<void> {
    this.#isSearching = true;
    const taken = new FreeSpace(placeCountOf(this.#site.layout));
    for (const place of this.#taken) taken.add(place);
    try {
      await findFreePlaces(this.#site, this.#map, this.#free, taken, () => this.#isStopped);
    } catch (error) {
      this.#failure ??=
        error instanceof Error ? error : new EngineRefusal('corrupt', String(error));
      throw error;
    } finally {
      this.#isSearching = false;
      // Whoever began it: others may have asked for places meanwhile.
      this.#onFound();
    }
  }
}
