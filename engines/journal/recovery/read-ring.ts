import { DeviceError } from '../../../harness/contract/index.ts';
import type { Extent, Layout } from '../format/layout.ts';
import { pageRunOf, type PageRun } from '../format/page.ts';
import type { DeviceIo } from '../io/device-io.ts';

export interface RingContents {
  /**
   * All pages, in the order of the ring from `firstSlot` on and round its end. Whoever looks at the
   * log changes them: their bodies are decrypted and moved together where they are.
   */
  readonly pages: PageRun;
  readonly firstSlot: number;
  /** Slots of which the device could not read every logical block, asked one by one. */
  readonly unreadable: ReadonlySet<number>;
  /** By slot, where it is known already: see `wholeness`. */
  readonly wholeness?: Uint8Array;
}

/** Whether the CRC of a slot's page fits. */
export const wholeness = { unknown: 0, whole: 1, damaged: 2 } as const;

export interface ReadRingOptions {
  /** The ring's unless given, or that of its mirror. */
  readonly extent?: Extent;
  /** What is read first and stands first: where the log begins, so that it is in one piece. */
  readonly firstSlot?: number;
  /** Told of pages, by bytes of the memory, while others are on their way. */
  onRead?(pages: PageRun, fromByte: number, toByte: number): void;
}

const chunkBytesMax = 2 ** 20;
const chunksInFlight = 8;

/**
 * The whole ring, in large reads: what shows that acknowledged records are missing may be anywhere.
 * What a large read fails on is read again page by page and logical block by logical block.
 */
export async function readRing(
  io: DeviceIo,
  { pageBytes, extents }: Layout,
  options: ReadRingOptions = {},
): Promise<RingContents> {
  const { extent = extents.ring, firstSlot = 0 } = options;
  const { byteCount } = extent;
  const bytes = io.device.allocate(byteCount);
  const pages = pageRunOf(bytes);
  const unreadable = new Set<number>();
  /** Of the ring's first slot in the memory. */
  const wrapAt = byteCount - firstSlot * pageBytes;
  const chunkAfter = (from: number): number =>
    Math.min(from < wrapAt ? wrapAt : byteCount, from + chunkBytesMax);
  const site = { io, extent, pageBytes, unreadable };
  let next = 0;
  const reader = async (): Promise<void> => {
    for (let from = next; from < byteCount; from = next) {
      const to = chunkAfter(from);
      next = to;
      const ringAt = from < wrapAt ? byteCount - wrapAt + from : from - wrapAt;
      await readChunk(site, ringAt, bytes.subarray(from, to));
      options.onRead?.(pages, from, to);
    }
  };
  const readers: Promise<void>[] = [];
  while (readers.length < chunksInFlight && next < byteCount) readers.push(reader());
  await Promise.all(readers);
  return { pages, firstSlot, unreadable };
}

/** Where a slot's page stands in the memory. */
export function offsetOfSlot(ring: RingContents, slot: number, pageBytes: number): number {
  const at = (slot - ring.firstSlot) * pageBytes;
  return at < 0 ? at + ring.pages.bytes.length : at;
}

/** The same pages, in the same memory, moved so that they begin with that slot. */
export function beginningWith(
  ring: RingContents,
  firstSlot: number,
  pageBytes: number,
): RingContents {
  const { bytes } = ring.pages;
  const head = bytes.slice(0, offsetOfSlot(ring, firstSlot, pageBytes));
  bytes.copyWithin(0, head.length);
  bytes.set(head, bytes.length - head.length);
  return { ...ring, firstSlot };
}

interface ReadSite {
  readonly io: DeviceIo;
  readonly extent: Extent;
  readonly pageBytes: number;
  readonly unreadable: Set<number>;
}

async function readChunk(
  { io, extent, pageBytes, unreadable }: ReadSite,
  ringAt: number,
  chunk: Uint8Array,
): Promise<void> {
  const byteOffset = extent.byteOffset + ringAt;
  if (await canRead(io, byteOffset, chunk)) return;
  for (let at = 0; at < chunk.length; at += pageBytes) {
    const page = chunk.subarray(at, at + pageBytes);
    const isWhole = await readPage(io, byteOffset + at, page);
    if (!isWhole) unreadable.add((ringAt + at) / pageBytes);
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
