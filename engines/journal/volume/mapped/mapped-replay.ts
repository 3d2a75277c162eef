import { mapPageOf } from '../../format/map-page.ts';
import { placeCountOf } from '../../format/layout.ts';
import { mapChangeBytes, readMapChange, type MapChange } from '../../format/payloads.ts';
import { recordTypes } from '../../format/record-types.ts';
import { viewOf } from '../../format/u64.ts';
import { strayRecord } from '../../recovery/corruption.ts';
import type { WalkedLog, WalkedRecord } from '../../recovery/walk-log.ts';
import type {
  VolumeKind,
  VolumeLog,
  VolumeMode,
  VolumeReplay,
  VolumeSite,
} from '../volume-mode.ts';
import type { BlockMap } from './block-map.ts';
import { freePageLsnAfter, readFreePage } from './free-page-store.ts';
import { FreeSpace } from './free-space.ts';
import { checkPlace } from './map-loads.ts';
import { formatMap, loadPages, unreadMap, writeMap } from './map-store.ts';
import { MappedVolume } from './mapped-volume.ts';

export const mappedVolume: VolumeKind = {
  format: formatMap,
  async beginReplay(site, log) {
    // What a killed process left in the cache of a data device may be read; it must not vanish later.
    if (site.data !== site.journal) await site.data.flushPlainWrites();
    const found = await readFreePage(site, log.end.nextLsn);
    const free = new FreeSpace(placeCountOf(site.layout));
    if (found.state === 'right') for (const run of found.page.runs) free.addRun(run);
    const freePageLsn = found.state === 'right' ? site.superblock.freePageLsn : 0;
    return new MappedReplay(site, log, free, freePageLsn);
  },
};

/**
 * Brings the map on the medium up to what the log says. Entries are absolute and replayed in the order
 * of the log, so a map that is partly ahead of the log's beginning ends up the same. Only the pages
 * that the log changes are read.
 */
class MappedReplay implements VolumeReplay {
  readonly isInside = false;
  replayedCount = 0;
  freePageLsn: number;
  readonly #site: VolumeSite;
  readonly #view: DataView;
  readonly #endLsn: number;
  readonly #map: BlockMap;
  readonly #free: FreeSpace;
  readonly #updates: { readonly record: WalkedRecord; readonly payloadAt: number }[] = [];
  readonly #pages = new Set<number>();

  constructor(site: VolumeSite, { stream, end }: WalkedLog, free: FreeSpace, freePageLsn: number) {
    this.#site = site;
    this.#view = viewOf(stream);
    this.#endLsn = end.nextLsn;
    this.#map = unreadMap(site);
    this.#free = free;
    this.freePageLsn = freePageLsn;
  }

  apply(record: WalkedRecord, payloadAt: number): boolean {
    // A mark stands for itself: that of a change is in the batch of its record.
    if (record.type === recordTypes.consumerMark) return true;
    if (record.type !== recordTypes.mapUpdate) return false;
    if (record.payloadBytes % mapChangeBytes !== 0) {
      throw strayRecord(record, 'does not hold whole changes of the block map');
    }
    for (const { block, physical } of this.#changesOf(record, payloadAt)) {
      if (block >= this.#site.layout.dataBlocks || physical >= placeCountOf(this.#site.layout)) {
        throw strayRecord(record, 'maps a block outside the volume');
      }
      // It may have been free when the page of free places was written, and have been taken since.
      this.#free.remove(physical);
      this.#pages.add(mapPageOf(block));
    }
    this.#updates.push({ record, payloadAt });
    this.replayedCount += 1;
    return true;
  }

  /** A change is one record: nothing can stand inside it. */
  passOver(): void {
    // Nothing is open.
  }

  endEpoch(): void {
    // Nothing is open.
  }

  /** After a clean close the map on the medium is complete; records that were kept repeat it. */
  async restore(): Promise<number> {
    if (this.#site.superblock.isClean || this.#updates.length === 0) return 0;
    const pages = [...Float64Array.from(this.#pages).sort()];
    await loadPages(this.#site, this.#map, pages);
    for (const { record, payloadAt } of this.#updates) {
      for (const change of this.#changesOf(record, payloadAt)) this.#map.move(change, record.lsn);
    }
    for (const pageNumber of pages) {
      for (const { block, place } of this.#map.entriesOf(pageNumber)) {
        checkPlace(this.#site, this.#free, block, place);
      }
    }
    const written = await writeMap(this.#site, this.#map, this.#free, this.#endLsn);
    this.freePageLsn = freePageLsnAfter(this.#site, this.#endLsn);
    return written;
  }

  open(log: VolumeLog): VolumeMode {
    return new MappedVolume(this.#site, log, this.#map, this.#free, this.freePageLsn);
  }

  *#changesOf(
    { payloadBytes }: WalkedRecord,
    payloadAt: number,
  ): Generator<MapChange, void, undefined> {
    for (let at = 0; at < payloadBytes; at += mapChangeBytes) {
      yield readMapChange(this.#view, payloadAt + at);
    }
  }
}
