import { EngineRefusal } from '../../../../harness/contract/index.ts';
import { mapChangeBytes, readMapChange } from '../../format/payloads.ts';
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
import { nowhere, type BlockMap } from './block-map.ts';
import { FreeSpace } from './free-space.ts';
import { formatMap, readMap, writeMap } from './map-store.ts';
import { MappedVolume } from './mapped-volume.ts';

export const mappedVolume: VolumeKind = {
  format: formatMap,
  async beginReplay(site, log) {
    // What a killed process left in the cache of a data device may be read; it must not vanish later.
    if (site.data !== site.journal) await site.data.flushPlainWrites();
    return new MappedReplay(site, log, await readMap(site));
  },
};

/**
 * Brings the map on the medium up to what the log says. Entries are absolute and replayed in the order
 * of the log, so a map that is partly ahead of the log's beginning ends up the same.
 */
class MappedReplay implements VolumeReplay {
  readonly isInside = false;
  replayedCount = 0;
  readonly #site: VolumeSite;
  readonly #view: DataView;
  readonly #endLsn: number;
  readonly #map: BlockMap;
  #free: FreeSpace | undefined;

  constructor(site: VolumeSite, { stream, end }: WalkedLog, map: BlockMap) {
    this.#site = site;
    this.#view = viewOf(stream);
    this.#endLsn = end.nextLsn;
    this.#map = map;
  }

  apply(record: WalkedRecord, payloadAt: number): boolean {
    // A mark stands for itself: that of a change is in the batch of its record.
    if (record.type === recordTypes.consumerMark) return true;
    if (record.type !== recordTypes.mapUpdate) return false;
    if (record.payloadBytes % mapChangeBytes !== 0) {
      throw strayRecord(record, 'does not hold whole changes of the block map');
    }
    const { dataBlocks, spareBlocks } = this.#site.layout;
    for (let at = 0; at < record.payloadBytes; at += mapChangeBytes) {
      const change = readMapChange(this.#view, payloadAt + at);
      if (change.block >= dataBlocks || change.physical >= dataBlocks + spareBlocks) {
        throw strayRecord(record, 'maps a block outside the volume');
      }
      this.#map.move(change, record.lsn);
    }
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
  restore(): Promise<number> {
    this.#free = freeSpaceOf(this.#site, this.#map);
    if (this.#site.superblock.isClean) return Promise.resolve(0);
    return writeMap(this.#site, this.#map, this.#endLsn);
  }

  open(log: VolumeLog): VolumeMode {
    const free = this.#free ?? freeSpaceOf(this.#site, this.#map);
    return new MappedVolume(this.#site, log, this.#map, free);
  }
}

/** Free is what no entry names. */
function freeSpaceOf({ layout }: VolumeSite, map: BlockMap): FreeSpace {
  const physicalBlocks = layout.dataBlocks + layout.spareBlocks;
  const free = new FreeSpace(physicalBlocks);
  for (let block = 0; block < map.blockCount; block++) {
    const place = map.placeOf(block);
    if (place === nowhere) continue;
    if (place < physicalBlocks && free.use(place)) continue;
    throw new EngineRefusal(
      'corrupt',
      `the block map puts block ${block} at place ${place}, which is outside of the data area or another block's`,
    );
  }
  return free;
}
