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
  const { byteOffset } = layout.extents.data;
  await inPlace.write({
    purpose: 'destage',
    places: sorted.map((block) => byteOffset + block * blockBytes),
    copyTo: (index, target) => {
      target.set(dataOf(sorted[index]!));
    },
    endLsn,
  });
  return sorted.length;
}
