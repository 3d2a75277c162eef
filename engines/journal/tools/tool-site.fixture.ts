import type { ToolSite } from '../../../harness/contract/index.ts';
import type { JournalOptions } from '../config.ts';
import {
  afterKill,
  blockOf,
  driveGeometry,
  formattedTwin,
  open,
  overwrite,
  smallOptions,
  type Twin,
} from '../twin.fixture.ts';

export const ringAt = 2 ** 20;

/** Nothing is written on its own, so that a test knows what every page holds. */
export const quiet = { ...smallOptions, idleWatermark: false } satisfies JournalOptions;

export function siteOf({ drive, platform }: Twin, options: ToolSite['options'] = {}): ToolSite {
  return { devices: { main: drive }, platform, options };
}

/** A killed journal in its first lap, nothing destaged: its log begins at slot 0. */
export async function writtenTwin(
  logicalBlockBytes = 4096,
  options: JournalOptions = quiet,
  count = 12,
): Promise<Twin> {
  const twin = await emptyTwin(logicalBlockBytes, options);
  const journal = await open(twin, options);
  for (let block = 0; block < count; block++) await journal.write(block, blockOf(block, block + 1));
  return afterKill(twin);
}

/** The same journal as `writtenTwin` writes to, before anything was written. */
export function emptyTwin(
  logicalBlockBytes = 4096,
  options: JournalOptions = quiet,
): Promise<Twin> {
  const bytes = (options.pageBytes ?? 4096) === 4096 ? 8 * 2 ** 20 : 16 * 2 ** 20;
  const capacityBlocks = bytes / logicalBlockBytes;
  return formattedTwin(driveGeometry({ logicalBlockBytes, capacityBlocks }), options);
}

export function imageBytes({ drive }: Twin, byteOffset: number, byteCount: number): Uint8Array {
  const bytes = new Uint8Array(byteCount);
  drive.image.read(byteOffset, bytes);
  return bytes;
}

export function wholeImage(twin: Twin): Uint8Array {
  const { capacityBlocks, logicalBlockBytes } = twin.drive.geometry;
  return imageBytes(twin, 0, capacityBlocks * logicalBlockBytes);
}

/** A copy of it with other bytes at an offset into the ring. */
export function withRingBytes(twin: Twin, ringOffset: number, bytes: Uint8Array): Twin {
  const copy = copyOf(twin);
  overwrite(copy, ringAt + ringOffset, bytes);
  return copy;
}

export function copyOf(twin: Twin): Twin {
  return afterKill(twin);
}

/** A copy of it with one bit of the ring turned over. */
export function withRot(twin: Twin, ringOffset: number, bit = 0): Twin {
  const byte = imageBytes(twin, ringAt + ringOffset, 1)[0]!;
  return withRingBytes(twin, ringOffset, Uint8Array.of(byte ^ (1 << bit)));
}
