import { DeviceError, EngineRefusal } from '../../../../harness/contract/index.ts';
import {
  beginMapPage,
  entriesPerMapPage,
  isMapPage,
  mapPageBytes,
  mapPagesFor,
  sealMapPage,
} from '../../format/map-page.ts';
import { freePageAt } from '../../format/layout.ts';
import type { VolumeSite } from '../volume-mode.ts';
import { BlockMap } from './block-map.ts';
import { formatFreePage, putFreePage } from './free-page-store.ts';
import type { FreeSpace } from './free-space.ts';

/** Map pages moved by one request: 1 MiB. */
const chunkPagesMax = 256;
/** Requests on their way at once where many pages are read. */
const readLanes = 8;

export function unreadMap({ superblock, layout, crc32c }: VolumeSite): BlockMap {
  return new BlockMap({
    dataBlocks: layout.dataBlocks,
    uuid: superblock.identity.uuid,
    hasDigests: superblock.mode === 'ordered',
    crc32c,
  });
}

/** A map without an entry, and all places free, durable: the volume reads as zeros. */
export async function formatMap(site: VolumeSite): Promise<void> {
  const { data, layout, superblock, crc32c } = site;
  const { uuid } = superblock.identity;
  const pageCount = mapPagesFor(layout.dataBlocks);
  const buffer = data.device.allocate(Math.min(pageCount, chunkPagesMax) * mapPageBytes);
  for (const { first, count } of chunksOf(0, pageCount)) {
    for (let index = 0; index < count; index++) {
      const pageNumber = first + index;
      const entryCount = Math.min(
        entriesPerMapPage,
        layout.dataBlocks - pageNumber * entriesPerMapPage,
      );
      const page = pageIn(buffer, index);
      beginMapPage(page, { pageNumber, uuid, checkpointLsn: 0, entryCount });
      sealMapPage(page, crc32c);
    }
    const source = buffer.subarray(0, count * mapPageBytes);
    await data.write('format', placeOf(site, first), source, { fua: false });
  }
  await formatFreePage(site);
  await data.flushPlainWrites();
}

/**
 * Loads pages, ascending, that are not there yet; adjacent ones with one request. Throws EngineRefusal,
 * naming the page, where one is damaged (`corrupt`) or cannot be read (`device-error`).
 */
export async function loadPages(
  site: VolumeSite,
  map: BlockMap,
  pages: readonly number[],
): Promise<void> {
  if (pages.length === 0) return;
  const { data } = site;
  const chunks = adjacent(pages);
  const largest = chunks.reduce((most, { count }) => Math.max(most, count), 0);
  const rest = chunks[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    const buffer = data.device.allocate(largest * mapPageBytes);
    try {
      for (const { first, count } of rest) {
        await readMapPages(site, first, buffer.subarray(0, count * mapPageBytes));
        for (let index = 0; index < count; index++) {
          map.loadPage(first + index, pageIn(buffer, index));
        }
      }
    } finally {
      data.device.release?.(buffer);
    }
  };
  const lanes = Array.from({ length: Math.min(readLanes, chunks.length) }, lane);
  const failed = (await Promise.allSettled(lanes)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

/** Every page of the map on the medium, in order, each found whole, until `visit` says false. Throws as `loadPages` does. */
export async function eachPage(
  site: VolumeSite,
  visit: (pageNumber: number, page: Uint8Array) => boolean,
): Promise<void> {
  const pageCount = mapPagesFor(site.layout.dataBlocks);
  const buffer = site.data.device.allocate(Math.min(pageCount, chunkPagesMax) * mapPageBytes);
  try {
    for (const { first, count } of chunksOf(0, pageCount)) {
      await readMapPages(site, first, buffer.subarray(0, count * mapPageBytes));
      for (let index = 0; index < count; index++) {
        if (!visit(first + index, pageIn(buffer, index))) return;
      }
    }
  } finally {
    site.data.device.release?.(buffer);
  }
}

/**
 * Writes the pages that have changed, and that of free places; they are durable when it resolves.
 * Answers how many.
 */
export async function writeMap(
  site: VolumeSite,
  map: BlockMap,
  free: FreeSpace,
  endLsn: number,
): Promise<number> {
  const pages = map.takeDirtyPages();
  if (pages.length === 0) return 0;
  const places = [...pages].map((pageNumber) => placeOf(site, pageNumber));
  const freePlace = freePageAt(site.layout);
  if (freePlace !== undefined) places.push(freePlace);
  await site.inPlace.write({
    purpose: 'map',
    places: Float64Array.from(places),
    copyTo: (index, target) => {
      if (index < pages.length) map.encodePage(pages[index]!, endLsn, target);
      else putFreePage(site, free, endLsn, target);
    },
    endLsn,
  });
  await site.data.flushPlainWrites();
  return places.length;
}

/** Throws EngineRefusal, naming the page, where one cannot be read or is damaged. */
export async function readMapPages(
  site: VolumeSite,
  from: number,
  target: Uint8Array,
): Promise<void> {
  const count = target.length / mapPageBytes;
  try {
    await site.data.read(placeOf(site, from), target);
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    for (let index = 0; index < count; index++) {
      await readPage(site, from + index, pageIn(target, index));
    }
  }
  for (let index = 0; index < count; index++) checkPage(site, from + index, pageIn(target, index));
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

interface PageRun {
  readonly first: number;
  readonly count: number;
}

function chunksOf(from: number, to: number): PageRun[] {
  const chunks: PageRun[] = [];
  for (let first = from; first < to; first += chunkPagesMax) {
    chunks.push({ first, count: Math.min(chunkPagesMax, to - first) });
  }
  return chunks;
}

/** Runs of pages, ascending, as one request may move them. */
function adjacent(pages: readonly number[]): PageRun[] {
  const runs: PageRun[] = [];
  let start = 0;
  for (let index = 1; index <= pages.length; index++) {
    if (index < pages.length && pages[index] === pages[index - 1]! + 1) continue;
    runs.push(...chunksOf(pages[start]!, pages[index - 1]! + 1));
    start = index;
  }
  return runs;
}
