import { DeviceError, EngineRefusal } from '../../../../harness/contract/index.ts';
import { entriesPerMapPage, isMapPage, mapPageBytes, mapPagesFor } from '../../format/map-page.ts';
import type { VolumeSite } from '../volume-mode.ts';
import { BlockMap } from './block-map.ts';

/** Map pages moved by one request: 1 MiB. */
const chunkPagesMax = 256;

export function emptyMap({ superblock, layout, crc32c }: VolumeSite): BlockMap {
  return new BlockMap({
    dataBlocks: layout.dataBlocks,
    uuid: superblock.identity.uuid,
    hasDigests: superblock.mode === 'ordered',
    crc32c,
  });
}

/** A map without an entry, durable: the volume reads as zeros. */
export async function formatMap(site: VolumeSite): Promise<void> {
  const { data, layout } = site;
  const map = emptyMap(site);
  const pageCount = mapPagesFor(layout.dataBlocks);
  const buffer = data.device.allocate(Math.min(pageCount, chunkPagesMax) * mapPageBytes);
  for (let from = 0; from < pageCount; from += chunkPagesMax) {
    const count = Math.min(chunkPagesMax, pageCount - from);
    for (let index = 0; index < count; index++) {
      map.encodePage(from + index, 0, pageIn(buffer, index));
    }
    const source = buffer.subarray(0, count * mapPageBytes);
    await data.write('format', placeOf(site, from), source, { fua: false });
  }
  await data.flushPlainWrites();
}

/** Throws EngineRefusal, naming the page, where one is damaged (`corrupt`) or cannot be read. */
export async function readMap(site: VolumeSite): Promise<BlockMap> {
  const { data, layout } = site;
  const map = emptyMap(site);
  const pageCount = mapPagesFor(layout.dataBlocks);
  const buffer = data.device.allocate(Math.min(pageCount, chunkPagesMax) * mapPageBytes);
  for (let from = 0; from < pageCount; from += chunkPagesMax) {
    const count = Math.min(chunkPagesMax, pageCount - from);
    await readPages(site, from, buffer.subarray(0, count * mapPageBytes));
    for (let index = 0; index < count; index++) {
      const page = pageIn(buffer, index);
      checkPage(site, from + index, page);
      map.loadPage(from + index, page);
    }
  }
  return map;
}

/** Writes the pages that have changed; they are durable when it resolves. Answers how many. */
export async function writeMap(site: VolumeSite, map: BlockMap, endLsn: number): Promise<number> {
  const pages = map.takeDirtyPages();
  if (pages.length === 0) return 0;
  await site.inPlace.write({
    purpose: 'map',
    places: pages.map((pageNumber) => placeOf(site, pageNumber)),
    copyTo: (index, target) => {
      map.encodePage(pages[index]!, endLsn, target);
    },
    endLsn,
  });
  await site.data.flushPlainWrites();
  return pages.length;
}

async function readPages(site: VolumeSite, from: number, target: Uint8Array): Promise<void> {
  try {
    await site.data.read(placeOf(site, from), target);
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    for (let index = 0; index < target.length / mapPageBytes; index++) {
      await readPage(site, from + index, pageIn(target, index));
    }
  }
}

async function readPage(site: VolumeSite, pageNumber: number, target: Uint8Array): Promise<void> {
  try {
    await site.data.read(placeOf(site, pageNumber), target);
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    const message = `${describePage(site, pageNumber)}, cannot be read: ${error.message}`;
    throw new EngineRefusal('device-error', message, { cause: error });
  }
}

function checkPage(site: VolumeSite, pageNumber: number, page: Uint8Array): void {
  const { uuid } = site.superblock.identity;
  if (isMapPage(page, { pageNumber, uuid }, site.crc32c)) return;
  throw new EngineRefusal('corrupt', `${describePage(site, pageNumber)}, is damaged`);
}

function describePage({ layout }: VolumeSite, pageNumber: number): string {
  const first = pageNumber * entriesPerMapPage;
  const last = Math.min(first + entriesPerMapPage, layout.dataBlocks) - 1;
  return `page ${pageNumber} of the block map, which says where blocks ${first} to ${last} lie`;
}

function placeOf({ layout }: VolumeSite, pageNumber: number): number {
  return layout.extents.map.byteOffset + pageNumber * mapPageBytes;
}

function pageIn(buffer: Uint8Array, index: number): Uint8Array {
  return buffer.subarray(index * mapPageBytes, (index + 1) * mapPageBytes);
}
