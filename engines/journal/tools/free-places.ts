import type { ToolSite } from '../../../harness/contract/index.ts';
import { freePageAt } from '../format/layout.ts';
import type { Superblock } from '../format/superblock.ts';
import { DeviceIo } from '../io/device-io.ts';
import { WriteTally } from '../io/write-tally.ts';
import { readFreePage, type FreePageFound } from '../volume/mapped/free-page-store.ts';
import type { Medium } from './medium.ts';

/** The page of free places as it lies on the medium; null where it does not say. */
export interface FreePlaces {
  readonly byteOffset: number;
  readonly state: FreePageFound['state'];
  readonly checkpointLsn: number | null;
  readonly runs: number | null;
  readonly places: number | null;
}

/**
 * Undefined where the journal has no such page, or the device of the data was not given. `endLsn` is
 * the LSN after the last of the log.
 */
export async function readFreePlaces(
  { devices }: ToolSite,
  { crc32c }: Medium,
  superblock: Superblock,
  endLsn: number,
): Promise<FreePlaces | undefined> {
  const { layout } = superblock;
  const device = layout.dataDeviceBytes > 0 ? devices.data : devices.main;
  const byteOffset = freePageAt(layout);
  if (layout.extents.map.byteCount === 0 || device === undefined || byteOffset === undefined) {
    return undefined;
  }
  const data = new DeviceIo(device, 'none', new WriteTally());
  const found = await readFreePage({ data, layout, superblock, crc32c }, endLsn);
  if (found.state !== 'right' && found.state !== 'stale') {
    return { byteOffset, state: found.state, checkpointLsn: null, runs: null, places: null };
  }
  const { checkpointLsn, runs } = found.page;
  const places = runs.reduce((sum, { count }) => sum + count, 0);
  return { byteOffset, state: found.state, checkpointLsn, runs: runs.length, places };
}

const stateWords: Readonly<Record<FreePageFound['state'], string>> = {
  right: 'in use',
  stale: 'not the newest, and ignored',
  damaged: 'damaged, and ignored',
  unreadable: 'cannot be read, and is ignored',
  absent: 'not there',
};

export function freePlacesWords({ byteOffset, state, ...page }: FreePlaces): string {
  const { checkpointLsn, runs, places } = page;
  const holds =
    checkpointLsn === null ? '' : `, ${places!} in ${runs!} runs as of LSN ${checkpointLsn}`;
  return `page at byte ${byteOffset}: ${stateWords[state]}${holds}`;
}
