import { blockBytes } from '../../format/layout.ts';
import type { VolumeSite } from '../volume-mode.ts';

/**
 * Writes whole blocks to their places in the data area, ascending, adjacent ones together. They are
 * not durable yet when it resolves. `endLsn`: see InPlaceBlocks. Answers how many there were.
 */
export async function writeBlocks(
  { inPlace, layout }: Pick<VolumeSite, 'inPlace' | 'layout'>,
  blocks: Iterable<number>,
  dataOf: (block: number) => Uint8Array,
  endLsn: number,
): Promise<number> {
  const sorted = Float64Array.from(blocks).sort();
  const dataAt = (index: number): Uint8Array => dataOf(sorted[index]!);
  await writeSortedBlocks({ inPlace, layout }, sorted, dataAt, endLsn);
  return sorted.length;
}

/** The same of blocks in ascending order; `dataOf` is asked by their index. */
export async function writeSortedBlocks(
  { inPlace, layout }: Pick<VolumeSite, 'inPlace' | 'layout'>,
  sorted: Float64Array,
  dataOf: (index: number) => Uint8Array,
  endLsn: number,
): Promise<void> {
  const { byteOffset } = layout.extents.data;
  await inPlace.write({
    purpose: 'destage',
    places: sorted.map((block) => byteOffset + block * blockBytes),
    copyTo: (index, target) => {
      target.set(dataOf(index));
    },
    endLsn,
  });
}
