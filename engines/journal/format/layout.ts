import { EngineRefusal, type DeviceGeometry } from '../../../harness/contract/index.ts';
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
    /** Empty in this version: nothing is destaged but whole blocks, which the ring holds. */
    readonly doubleWrite: Extent;
    readonly ring: Extent;
    /** Empty in this version. */
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

export interface LayoutWish {
  readonly pageBytes: PageBytes;
  readonly ringPages: number;
  readonly segmentPages: number;
  readonly dataBlocks: number;
  readonly spareBlocks: number;
  readonly trustAtomicUnit: boolean;
}

/** Throws EngineRefusal `too-large` where the devices are too small for it. */
export function planLayout(
  wish: LayoutWish,
  journal: DeviceGeometry,
  data: DeviceGeometry | undefined,
): Layout {
  const journalDeviceBytes = usableBytes(journal);
  const dataDeviceBytes = data === undefined ? 0 : usableBytes(data);
  const ring = { byteOffset: mebibyte, byteCount: wish.ringPages * wish.pageBytes };
  const ringEnd = ring.byteOffset + ring.byteCount;
  const dataExtent = {
    byteOffset: data === undefined ? ringEnd + guardBytes : mebibyte,
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
      doubleWrite: { byteOffset: mebibyte, byteCount: 0 },
      ring,
      map: { byteOffset: ringEnd, byteCount: 0 },
      data: dataExtent,
    },
  };
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
