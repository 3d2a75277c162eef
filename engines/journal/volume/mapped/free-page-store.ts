import { DeviceError } from '../../../../harness/contract/index.ts';
import {
  decodeFreePage,
  encodeFreePage,
  freePageBytes,
  runsPerFreePage,
  type FreePage,
} from '../../format/free-page.ts';
import { freePageAt, placeCountOf } from '../../format/layout.ts';
import type { VolumeSite } from '../volume-mode.ts';
import { FreeSpace } from './free-space.ts';

type FreePageSite = Pick<VolumeSite, 'data' | 'layout' | 'superblock' | 'crc32c'>;

/** Of an empty volume: every place is free. */
export async function formatFreePage(site: VolumeSite): Promise<void> {
  const free = new FreeSpace(placeCountOf(site.layout));
  free.addRun({ start: 0, count: placeCountOf(site.layout) });
  const page = site.data.device.allocate(freePageBytes);
  putFreePage(site, free, site.superblock.freePageLsn, page);
  await site.data.write('format', freePageAt(site.layout)!, page, { fua: false });
}

/**
 * The page with what is free at this moment. Records that take a place from now on must have an LSN of
 * `checkpointLsn` or above, and those below must all be in the map.
 */
export function putFreePage(
  { superblock, crc32c }: FreePageSite,
  free: FreeSpace,
  checkpointLsn: number,
  target: Uint8Array,
): void {
  const runs = free.runs(runsPerFreePage);
  encodeFreePage(target, { checkpointLsn, runs }, superblock.identity.uuid, crc32c);
}

/** What became of the page of free places. Only a page that is `right` may be made use of. */
export type FreePageFound =
  | { readonly state: 'right'; readonly page: FreePage }
  /** Older than what the log lets one rely on, or newer than the log: its places may be in use. */
  | { readonly state: 'stale'; readonly page: FreePage }
  | { readonly state: 'damaged' | 'unreadable' | 'absent' };

/**
 * Reads it, and says whether its places are free but for those that the log names (ADR 0021). `endLsn`
 * is the LSN after the last of the log. Never throws for what it finds: the map says all of it, too.
 */
export async function readFreePage(site: FreePageSite, endLsn: number): Promise<FreePageFound> {
  const { data, layout, superblock, crc32c } = site;
  const at = freePageAt(layout);
  if (at === undefined) return { state: 'absent' };
  const bytes = data.device.allocate(freePageBytes);
  try {
    await data.read(at, bytes);
  } catch (error) {
    if (error instanceof DeviceError) return { state: 'unreadable' };
    throw error;
  }
  const owner = { uuid: superblock.identity.uuid, placeCount: placeCountOf(layout) };
  const page = decodeFreePage(bytes, owner, crc32c);
  if (page === undefined) return { state: 'damaged' };
  const { freePageLsn } = superblock;
  const isRight =
    freePageLsn > 0 && page.checkpointLsn >= freePageLsn && page.checkpointLsn <= endLsn;
  return { state: isRight ? 'right' : 'stale', page };
}

/** What the superblock is to say when a page with that checkpoint LSN is durable; 0 without one. */
export function freePageLsnAfter(
  { layout }: Pick<VolumeSite, 'layout'>,
  checkpointLsn: number,
): number {
  return freePageAt(layout) === undefined ? 0 : checkpointLsn;
}
