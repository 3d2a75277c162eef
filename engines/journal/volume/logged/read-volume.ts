import { blockBytes, type Layout } from '../../format/layout.ts';
import type { DeviceIo } from '../../io/device-io.ts';
import type { PendingBlocks } from './pending-blocks.ts';

/**
 * Reads blocks as they were last acknowledged: from the pending versions where there is one, else
 * from the data area. A version that was destaged while the device was read may have been missed on
 * both sides, or been read half; then the device is read again.
 */
export async function readVolume(
  io: DeviceIo,
  layout: Layout,
  pending: PendingBlocks,
  block: number,
  target: Uint8Array,
): Promise<void> {
  if (copyPending(pending, block, target)) return;
  let departures: number;
  do {
    departures = pending.departures;
    const bytes = io.device.allocate(target.length);
    await io.read(layout.extents.data.byteOffset + block * blockBytes, bytes);
    target.set(bytes);
    copyPending(pending, block, target);
  } while (departures !== pending.departures);
}

/** Answers whether that was all of them. */
function copyPending(pending: PendingBlocks, block: number, target: Uint8Array): boolean {
  const count = target.length / blockBytes;
  let copied = 0;
  for (let index = 0; index < count; index++) {
    const version = pending.get(block + index);
    if (version === undefined) continue;
    target.set(version.data, index * blockBytes);
    copied += 1;
  }
  return copied === count;
}
