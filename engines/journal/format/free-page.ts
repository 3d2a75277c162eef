import type { Crc32c } from './crc32c.ts';
import { readU64, viewOf, writeU64 } from './u64.ts';

/**
 * Places of the data area that are free (README, "Free places"): one page of 4096 bytes behind the
 * map, so that a volume can be written to without reading all of its map first. It need not have all
 * of them; it must not have one that is in use.
 */
export const freePageBytes = 4096;
const headerBytes = 64;
const runBytes = 8;
export const runsPerFreePage = (freePageBytes - headerBytes) / runBytes;
export const placesPerRunMax = 0xffff;

/** "JFP1" in the order of the bytes on the medium. */
const freePageMagic = 0x3150464a;
const freePageFormat = 1;

const at = { magic: 0, format: 4, runCount: 6, uuid: 16, checkpointLsn: 32, crc: 60 } as const;
const runAt = { startLow: 0, startHigh: 4, count: 6 } as const;

/** Places in a row. */
export interface PlaceRun {
  readonly start: number;
  /** 1 to `placesPerRunMax`. */
  readonly count: number;
}

export interface FreePage {
  /** A place of the list that was taken since is named by a record with that LSN or a higher one. */
  readonly checkpointLsn: number;
  /** At most `runsPerFreePage`. */
  readonly runs: readonly PlaceRun[];
}

export function encodeFreePage(
  target: Uint8Array,
  { checkpointLsn, runs }: FreePage,
  uuid: Uint8Array,
  crc32c: Crc32c,
): void {
  target.fill(0);
  const view = viewOf(target);
  view.setUint32(at.magic, freePageMagic, true);
  view.setUint16(at.format, freePageFormat, true);
  view.setUint16(at.runCount, runs.length, true);
  target.set(uuid, at.uuid);
  writeU64(view, at.checkpointLsn, checkpointLsn);
  for (const [index, { start, count }] of runs.entries()) {
    const offset = headerBytes + index * runBytes;
    view.setUint32(offset + runAt.startLow, start % 2 ** 32, true);
    view.setUint16(offset + runAt.startHigh, Math.floor(start / 2 ** 32), true);
    view.setUint16(offset + runAt.count, count, true);
  }
  view.setUint32(at.crc, crcOf(target, crc32c), true);
}

/** Undefined where it is not that journal's, whole, or does not fit the data area. */
export function decodeFreePage(
  page: Uint8Array,
  { uuid, placeCount }: { readonly uuid: Uint8Array; readonly placeCount: number },
  crc32c: Crc32c,
): FreePage | undefined {
  const view = viewOf(page);
  const runCount = view.getUint16(at.runCount, true);
  const isWhole =
    view.getUint32(at.magic, true) === freePageMagic &&
    view.getUint16(at.format, true) === freePageFormat &&
    runCount <= runsPerFreePage &&
    uuid.every((byte, index) => byte === page[at.uuid + index]) &&
    view.getUint32(at.crc, true) === crcOf(page, crc32c);
  if (!isWhole) return undefined;
  const runs = Array.from({ length: runCount }, (_, index) => {
    const offset = headerBytes + index * runBytes;
    const high = view.getUint16(offset + runAt.startHigh, true);
    return {
      start: high * 2 ** 32 + view.getUint32(offset + runAt.startLow, true),
      count: view.getUint16(offset + runAt.count, true),
    };
  });
  if (runs.some(({ start, count }) => start + count > placeCount)) return undefined;
  return { checkpointLsn: readU64(view, at.checkpointLsn), runs };
}

const noCrc = new Uint8Array(4);

/** Of the page with its own field zero. */
function crcOf(page: Uint8Array, crc32c: Crc32c): number {
  const head = crc32c(page.subarray(0, at.crc));
  return crc32c(page.subarray(at.crc + 4), crc32c(noCrc, head));
}
