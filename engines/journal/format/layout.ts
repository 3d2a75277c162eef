import { EngineRefusal, type DeviceGeometry } from '../../../harness/contract/index.ts';
import { freePageBytes } from './free-page.ts';
import { mapBytesFor } from './map-page.ts';
import type { DoubleWriteMode, VolumeModeName } from './modes.ts';
import type { PageBytes } from './page.ts';

/**
 * Where everything lies on the devices (JOURNAL-ENGINE §4.2). All offsets and counts are bytes. The
 * extents stand in the superblock; the superblock's own places follow from the device's size.
 */
export interface Extent {
  readonly byteOffset: number;
  readonly byteCount: number;
}

export interface Layout {
  readonly pageBytes: PageBytes;
  /** What power loss does not tear, as far as this journal trusts the drive. */
  readonly atomicUnitBytes: number;
  readonly logicalBlockBytes: number;
  readonly journalDeviceBytes: number;
  /** 0 where data and journal share a device. */
  readonly dataDeviceBytes: number;
  readonly ringPages: number;
  readonly segmentPages: number;
  /** Blocks that the volume offers. */
  readonly dataBlocks: number;
  /** Blocks of the data area beyond those: block-mapped modes never write over a live block. */
  readonly spareBlocks: number;
  readonly extents: {
    readonly label: Extent;
    readonly superblockLow: Extent;
    readonly superblockHigh: Extent;
    /** Two generations of what is written in place and, in mode `full`, the mirror of the ring. */
    readonly doubleWrite: Extent;
    readonly ring: Extent;
    /** With the page of free places, on the device of the data; empty where a block's place is its number. */
    readonly map: Extent;
    readonly data: Extent;
  };
}

/** A block of the volume; labels and superblocks have that size too. */
export const blockBytes = 4096;
const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
/** Superblock slots of a group are this far apart, and from what else is near them. */
const slotSpacingBytes = 64 * kibibyte;
/** Both ends of the device are kept for the superblocks and their guard space. */
const endBytes = mebibyte;
/** Nothing lies here: a write misdirected by less does not reach from the ring into the data. */
const guardBytes = mebibyte;
/** The same between other areas. */
const smallGuardBytes = 64 * kibibyte;

/** Blocks of one generation of the double-write area, behind the block of its header. */
export const generationBlocksMax = 128;
export const generationBytes = (1 + generationBlocksMax) * blockBytes;

export interface LayoutWish {
  readonly pageBytes: PageBytes;
  readonly ringPages: number;
  readonly segmentPages: number;
  readonly dataBlocks: number;
  readonly spareBlocks: number;
  readonly trustAtomicUnit: boolean;
  readonly mode: VolumeModeName;
  readonly doubleWrite: DoubleWriteMode | 'auto';
}

/** Throws EngineRefusal `too-large` where the devices are too small for it. */
export function planLayout(
  wish: LayoutWish,
  journal: DeviceGeometry,
  data: DeviceGeometry | undefined,
): Layout {
  const journalDeviceBytes = usableBytes(journal);
  const dataDeviceBytes = data === undefined ? 0 : usableBytes(data);
  const ringBytes = wish.ringPages * wish.pageBytes;
  const doubleWrite = doubleWriteExtent(doubleWriteFor(wish, data ?? journal), ringBytes);
  const ring = { byteOffset: behind(doubleWrite, smallGuardBytes), byteCount: ringBytes };
  const ringEnd = ring.byteOffset + ring.byteCount;
  const map = {
    byteOffset: data === undefined ? ringEnd + guardBytes : mebibyte,
    byteCount: isMapped(wish.mode) ? mapBytesFor(wish.dataBlocks) + freePageBytes : 0,
  };
  const dataExtent = {
    byteOffset: behind(map, smallGuardBytes),
    byteCount: (wish.dataBlocks + wish.spareBlocks) * blockBytes,
  };
  const dataEnd = dataExtent.byteOffset + dataExtent.byteCount;
  if (data !== undefined) checkCapacity('data', dataEnd, dataDeviceBytes);
  const journalEnd = data === undefined ? dataEnd : ringEnd;
  checkCapacity('journal', journalEnd + endBytes, journalDeviceBytes);
  return {
    pageBytes: wish.pageBytes,
    atomicUnitBytes: atomicUnitOf(journal, wish),
    logicalBlockBytes: journal.logicalBlockBytes,
    journalDeviceBytes,
    dataDeviceBytes,
    ringPages: wish.ringPages,
    segmentPages: wish.segmentPages,
    dataBlocks: wish.dataBlocks,
    spareBlocks: wish.spareBlocks,
    extents: {
      label: { byteOffset: 0, byteCount: blockBytes },
      superblockLow: slotGroup(slotSpacingBytes),
      superblockHigh: slotGroup(journalDeviceBytes - endBytes + slotSpacingBytes),
      doubleWrite,
      ring,
      map,
      data: dataExtent,
    },
  };
}

/** Whether a block may lie anywhere in the data area, so that a map says where. */
export function isMapped(mode: VolumeModeName): boolean {
  return mode === 'ordered' || mode === 'writeback';
}

/** Map pages are the only thing in place whose old contents the log cannot give back. */
export function doubleWriteFor(
  wish: Pick<LayoutWish, 'mode' | 'doubleWrite' | 'trustAtomicUnit'>,
  dataDevice: DeviceGeometry,
): DoubleWriteMode {
  if (wish.doubleWrite !== 'auto') return wish.doubleWrite;
  return isMapped(wish.mode) && canTearBlocks(dataDevice, wish) ? 'destage' : 'off';
}

/** Whether power loss may leave a block of 4096 bytes half written, as far as the drive is trusted. */
export function canTearBlocks(
  dataDevice: DeviceGeometry,
  { trustAtomicUnit }: Pick<LayoutWish, 'trustAtomicUnit'>,
): boolean {
  return atomicUnitOf(dataDevice, { pageBytes: blockBytes, trustAtomicUnit }) < blockBytes;
}

function doubleWriteExtent(mode: DoubleWriteMode, ringBytes: number): Extent {
  const generations = 2 * generationBytes;
  const mirrored = smallGuardBytes + ringBytes;
  const byteCount = mode === 'off' ? 0 : generations + (mode === 'full' ? mirrored : 0);
  return { byteOffset: mebibyte, byteCount };
}

/** Nothing that is not there needs a guard. */
function behind({ byteOffset, byteCount }: Extent, guard: number): number {
  return byteCount === 0 ? byteOffset : byteOffset + byteCount + guard;
}

/**
 * Byte offset, on the device of the data, of the page of free places, behind the map's last page.
 * Undefined in a journal that was made before there was one.
 */
export function freePageAt({ dataBlocks, extents: { map } }: Layout): number | undefined {
  const mapBytes = mapBytesFor(dataBlocks);
  return map.byteCount < mapBytes + freePageBytes ? undefined : map.byteOffset + mapBytes;
}

/** Places of the data area that a mapped volume's blocks move through. */
export function placeCountOf({ dataBlocks, spareBlocks }: Layout): number {
  return dataBlocks + spareBlocks;
}

/** One of the two generations of the double-write area, by its number. */
export function generationExtent({ extents }: Layout, generation: number): Extent {
  const byteOffset = extents.doubleWrite.byteOffset + (generation % 2) * generationBytes;
  return { byteOffset, byteCount: generationBytes };
}

/** The second copy of the ring, page for page; only in double-write mode `full`. */
export function mirrorExtent({ extents }: Pick<Layout, 'extents'>): Extent {
  const { doubleWrite, ring } = extents;
  const end = doubleWrite.byteOffset + doubleWrite.byteCount;
  return { byteOffset: end - ring.byteCount, byteCount: ring.byteCount };
}

/** Byte offsets of slots 0 to 3: two near the beginning of the device, two near its end. */
export function superblockSlots(geometry: DeviceGeometry): readonly number[] {
  const end = usableBytes(geometry) - endBytes;
  return [
    slotSpacingBytes,
    2 * slotSpacingBytes,
    end + slotSpacingBytes,
    end + 2 * slotSpacingBytes,
  ];
}

/** Whole blocks of 4 KiB of the device. */
export function usableBytes(geometry: DeviceGeometry): number {
  const bytes = geometry.capacityBlocks * geometry.logicalBlockBytes;
  return bytes - (bytes % blockBytes);
}

/** Trusted beyond the logical block only on request: drives are unreliable in what they claim. */
export function atomicUnitOf(
  geometry: DeviceGeometry,
  { pageBytes, trustAtomicUnit }: Pick<LayoutWish, 'pageBytes' | 'trustAtomicUnit'>,
): number {
  const { logicalBlockBytes, atomicWriteBlocks } = geometry;
  const claimed = trustAtomicUnit ? logicalBlockBytes * atomicWriteBlocks : logicalBlockBytes;
  return Math.min(pageBytes, claimed);
}

/** Two slots, with the space between them. */
function slotGroup(byteOffset: number): Extent {
  return { byteOffset, byteCount: slotSpacingBytes + blockBytes };
}

function checkCapacity(device: string, neededBytes: number, foundBytes: number): void {
  if (neededBytes <= foundBytes) return;
  throw new EngineRefusal(
    'too-large',
    `the ${device} device has ${foundBytes} bytes, expected at least ${neededBytes}; choose smaller ringPages or dataBlocks`,
  );
}
