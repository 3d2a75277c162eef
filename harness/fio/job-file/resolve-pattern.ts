import {
  directions,
  type BlockSizes,
  type Direction,
  type FioJob,
  type PerDirection,
} from '../job.ts';
import type { OptionValues } from './option-table.ts';

const defaultBlockBytes = 4096;

/** fio's defaults and fix-ups for what a job reads and writes where. */
export function resolvePattern(values: OptionValues): FioJob['pattern'] {
  const rw = values.rw ?? { access: 'read', isRandom: false, opsPerDraw: 1, skipBytes: 0 };
  const distribution = values.random_distribution ?? { kind: 'random' };
  const blocks = resolveBlocks(values, rw.isRandom);
  const isAlignedApart = directions.some(
    (direction) => blocks[direction].alignBytes !== blocks[direction].minBytes,
  );
  const isCovering = values.random_generator === 'covering' || values.norandommap !== true;
  return {
    access: rw.access,
    isRandom: rw.isRandom,
    readPercent: values.rwmixread ?? 100 - (values.rwmixwrite ?? 50),
    randomPercent: completed(values.percentage_random, 100),
    opsPerDraw: rw.opsPerDraw,
    thenPlace: values.rw_sequencer ?? 'sequential',
    skipBytes: rw.skipBytes,
    blocks,
    isUnaligned: values.bs_unaligned ?? false,
    isSizedByRandomness: values.bs_is_seq_rand ?? false,
    distribution,
    // Skewed places come again by their nature, and alignments of their own do not fit into a map.
    hasRandomMap: rw.isRandom && distribution.kind === 'random' && isCovering && !isAlignedApart,
  };
}

/** `bsrange` and `bssplit` outrank `bs`; alignments of their own are for random places only. */
function resolveBlocks(values: OptionValues, isRandom: boolean): PerDirection<BlockSizes> {
  const resolved = {} as Record<Direction, BlockSizes>;
  for (const direction of directions) {
    const split = values.bssplit?.[direction] ?? [];
    const sizes = split.map(({ byteCount }) => byteCount);
    const fixed = values.bs?.[direction] ?? defaultBlockBytes;
    const range = values.bsrange?.[direction] ?? { min: fixed, max: fixed };
    const minBytes = sizes.length > 0 ? Math.min(...sizes) : range.min;
    const maxBytes = sizes.length > 0 ? Math.max(...sizes) : range.max;
    const alignBytes = isRandom ? (values.blockalign?.[direction] ?? minBytes) : minBytes;
    resolved[direction] = { minBytes, maxBytes, alignBytes, split };
  }
  return resolved;
}

export function completed<Value>(
  given: PerDirection<Value | undefined> | undefined,
  fallback: Value,
): PerDirection<Value> {
  return {
    read: given?.read ?? fallback,
    write: given?.write ?? fallback,
    trim: given?.trim ?? fallback,
  };
}
