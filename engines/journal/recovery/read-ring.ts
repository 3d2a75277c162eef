import { DeviceError } from '../../../harness/contract/index.ts';
import type { Extent, Layout } from '../format/layout.ts';
import { pageRunOf, type PageRun } from '../format/page.ts';
import type { DeviceIo } from '../io/device-io.ts';

export interface RingContents {
  readonly pages: PageRun;
  /** Slots of which the device could not read every logical block, asked one by one. */
  readonly unreadable: ReadonlySet<number>;
  /** More memory of the device's: a large ring takes much of it, and gives it back. */
  allocate(byteCount: number): Uint8Array;
  /** By slot, where it is known already: see `wholeness`. */
  readonly wholeness?: Uint8Array;
}

/** Whether the CRC of a slot's page fits. */
export const wholeness = { unknown: 0, whole: 1, damaged: 2 } as const;

const chunkBytesMax = 2 ** 20;
const chunksInFlight = 8;

/**
 * The whole ring, in large reads: what shows that acknowledged records are missing may be anywhere.
 * What a large read fails on is read again page by page and logical block by logical block.
 * `extent` is the ring's, or that of its mirror. `onRead` is told of pages while others are on their way.
 */
export async function readRing(
  io: DeviceIo,
  { pageBytes, extents }: Layout,
  extent: Extent = extents.ring,
  onRead: (pages: PageRun, fromSlot: number, toSlot: number) => void = () => undefined,
): Promise<RingContents> {
  const { byteOffset, byteCount } = extent;
  const bytes = io.device.allocate(byteCount);
  const pages = pageRunOf(bytes);
  const unreadable = new Set<number>();
  const site = { io, ringOffset: byteOffset, pageBytes, unreadable };
  let next = 0;
  const reader = async (): Promise<void> => {
    for (let from = next; from < byteCount; from = next) {
      const end = Math.min(byteCount, from + chunkBytesMax);
      next = end;
      await readChunk(site, from, bytes.subarray(from, end));
      onRead(pages, from / pageBytes, end / pageBytes);
    }
  };
  await Promise.all(Array.from({ length: chunksInFlight }, reader));
  return { pages, unreadable, allocate: (count) => io.device.allocate(count) };
}

interface ReadSite {
  readonly io: DeviceIo;
  readonly ringOffset: number;
  readonly pageBytes: number;
  readonly unreadable: Set<number>;
}

async function readChunk(
  { io, ringOffset, pageBytes, unreadable }: ReadSite,
  from: number,
  chunk: Uint8Array,
): Promise<void> {
  if (await canRead(io, ringOffset + from, chunk)) return;
  for (let at = 0; at < chunk.length; at += pageBytes) {
    const page = chunk.subarray(at, at + pageBytes);
    const isWhole = await readPage(io, ringOffset + from + at, page);
    if (!isWhole) unreadable.add((from + at) / pageBytes);
  }
}

async function readPage(io: DeviceIo, byteOffset: number, page: Uint8Array): Promise<boolean> {
  if (await canRead(io, byteOffset, page)) return true;
  const { logicalBlockBytes } = io.device.geometry;
  let isWhole = true;
  for (let at = 0; at < page.length; at += logicalBlockBytes) {
    const block = page.subarray(at, at + logicalBlockBytes);
    if (!(await canRead(io, byteOffset + at, block))) {
      block.fill(0);
      isWhole = false;
    }
  }
  return isWhole;
}

async function canRead(io: DeviceIo, byteOffset: number, target: Uint8Array): Promise<boolean> {
  try {
    await io.read(byteOffset, target);
    return true;
  } catch (error) {
    if (error instanceof DeviceError) return false;
    throw error;
  }
}
