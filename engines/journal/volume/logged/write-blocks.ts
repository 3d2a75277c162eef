import { blockBytes, type Layout } from '../../format/layout.ts';
import type { DeviceIo } from '../../io/device-io.ts';

/** Blocks written in one round: 256 KiB of buffer. */
export const destageBlocksMax = 64;

/**
 * Writes whole blocks to their places in the data area, ascending, adjacent ones together, one write
 * in flight per block. They are not durable yet when it resolves.
 */
export async function writeBlocks(
  io: DeviceIo,
  layout: Layout,
  blocks: Iterable<number>,
  dataOf: (block: number) => Uint8Array,
): Promise<number> {
  const sorted = Float64Array.from(blocks).sort();
  if (sorted.length === 0) return 0;
  const buffer = io.device.allocate(Math.min(sorted.length, destageBlocksMax) * blockBytes);
  for (let from = 0; from < sorted.length; from += destageBlocksMax) {
    const round = sorted.subarray(from, from + destageBlocksMax);
    round.forEach((block, index) => {
      buffer.set(dataOf(block), index * blockBytes);
    });
    await Promise.all(runsOf(round).map((run) => writeRun(io, layout, round, run, buffer)));
  }
  return sorted.length;
}

/** Places in the round: from `start` up to, not including, `end`. */
interface Run {
  readonly start: number;
  readonly end: number;
}

function runsOf(round: Float64Array): Run[] {
  const runs: Run[] = [];
  let start = 0;
  for (let index = 1; index <= round.length; index++) {
    if (index < round.length && round[index] === round[index - 1]! + 1) continue;
    runs.push({ start, end: index });
    start = index;
  }
  return runs;
}

function writeRun(
  io: DeviceIo,
  layout: Layout,
  round: Float64Array,
  { start, end }: Run,
  buffer: Uint8Array,
): Promise<void> {
  const byteOffset = layout.extents.data.byteOffset + round[start]! * blockBytes;
  const source = buffer.subarray(start * blockBytes, end * blockBytes);
  return io.write('destage', byteOffset, source, { fua: false });
}
