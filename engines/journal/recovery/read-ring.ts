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
}

export interface ReadRingOptions {
  /** The ring's unless given, or that of its mirror. */
  readonly extent?: Extent;
  /** What is read first and stands first: where the log begins, so that it is in one piece. */
  readonly firstSlot?: number;
  /** Told while others are on their way how many pages from the first on are there. Must not throw. */
  onRead?(ring: RingContents, pageCount: number): void;
}

/** From where up to where in the memory. */
type Chunk = readonly [from: number, to: number];

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
  const ring = { pages, firstSlot, unreadable };
  const prefix = new ReadPrefix();
  let next = 0;
  const noteRead = ([from, to]: Chunk): void => {
    if (prefix.add(from, to)) options.onRead?.(ring, prefix.byteCount / pageBytes);
  };
  const reader = async (): Promise<void> => {
    let read: Chunk | undefined;
    while (next < byteCount) {
      const chunk: Chunk = [next, chunkAfter(next)];
      const [from, to] = chunk;
      next = to;
      const ringAt = from < wrapAt ? byteCount - wrapAt + from : from - wrapAt;
      const reading = readChunk(site, ringAt, bytes.subarray(from, to));
      if (read !== undefined) {
        // Requests go off at the end of the turn: before the one who follows takes his time.
        await Promise.resolve();
        noteRead(read);
      }
      await reading;
      read = chunk;
    }
    if (read !== undefined) noteRead(read);
  };
  const readers: Promise<void>[] = [];
  while (readers.length < chunksInFlight && next < byteCount) readers.push(reader());
  await Promise.all(readers);
  return ring;
}

/** How far memory that is filled in pieces, in any order, is filled without a gap. */
class ReadPrefix {
  byteCount = 0;
  /** Pieces behind the first gap: where each ends, by where it begins. */
  readonly #ends = new Map<number, number>();

  /** Answers whether the prefix has grown. */
  add(from: number, to: number): boolean {
    this.#ends.set(from, to);
    const before = this.byteCount;
    for (let end = this.#ends.get(before); end !== undefined; end = this.#ends.get(end)) {
      this.#ends.delete(this.byteCount);
      this.byteCount = end;
    }
    return this.byteCount > before;
  }
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
