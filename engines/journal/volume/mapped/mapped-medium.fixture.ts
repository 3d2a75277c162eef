import type { JournalOptions } from '../../config.ts';
import { crc32cOf } from '../../format/crc32c.ts';
import {
  decodeFreePage,
  encodeFreePage,
  type FreePage,
  type PlaceRun,
} from '../../format/free-page.ts';
import { freePageAt, placeCountOf, superblockSlots } from '../../format/layout.ts';
import { decodeSuperblock, type Superblock } from '../../format/superblock.ts';
import type { Journal } from '../../journal.ts';
import {
  afterKill,
  blockOf,
  driveGeometry,
  formattedTwin,
  open,
  overwrite,
  smallOptions,
  type Twin,
} from '../../twin.fixture.ts';

/** Three pages of map. */
export const ordered = {
  ...smallOptions,
  mode: 'ordered',
  dataBlocks: 600,
} satisfies JournalOptions;
export const firstOfPage1 = 252;

export interface Opened {
  readonly twin: Twin;
  readonly journal: Journal;
}

/** A volume with version 1 of its first blocks, closed cleanly. */
export async function closedTwin(
  blockCount = 20,
  options: JournalOptions = ordered,
): Promise<Twin> {
  const twin = await formattedTwin(driveGeometry(), options);
  const journal = await open(twin, options);
  await writeAll(journal, blockCount, 1);
  await journal.close();
  return afterKill(twin);
}

export async function reopened(twin: Twin): Promise<Opened> {
  return { twin, journal: await open(twin, ordered) };
}

export async function writeAll(
  journal: Journal,
  blockCount: number,
  version: number,
): Promise<void> {
  for (let block = 0; block < blockCount; block++) {
    await journal.write(block, blockOf(block, version));
  }
}

export function superblockOf({ drive, platform }: Twin): Superblock {
  const bytes = new Uint8Array(4096);
  const all = superblockSlots(drive.geometry).map((slot) => {
    drive.image.read(slot, bytes);
    const contents = decodeSuperblock(bytes.slice(), crc32cOf(platform));
    if (contents.kind !== 'valid') throw new Error(`slot at ${slot} is ${contents.kind}`);
    return contents.superblock;
  });
  return all.reduce((newest, one) => (one.sequence > newest.sequence ? one : newest));
}

export function freePageOf(twin: Twin): Uint8Array {
  const bytes = new Uint8Array(4096);
  twin.drive.image.read(freePageAt(superblockOf(twin).layout)!, bytes);
  return bytes;
}

export function firstRunOf(twin: Twin): PlaceRun {
  const { layout, identity } = superblockOf(twin);
  const owner = { uuid: identity.uuid, placeCount: placeCountOf(layout) };
  return decodeFreePage(freePageOf(twin), owner, crc32cOf(twin.platform))!.runs[0]!;
}

export function putFreePage(twin: Twin, page: FreePage | Uint8Array): void {
  const { layout, identity } = superblockOf(twin);
  const bytes = page instanceof Uint8Array ? page : new Uint8Array(4096);
  if (!(page instanceof Uint8Array)) {
    encodeFreePage(bytes, page, identity.uuid, crc32cOf(twin.platform));
  }
  overwrite(twin, freePageAt(layout)!, bytes);
}
