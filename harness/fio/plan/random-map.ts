import type { Random } from '../../contract/index.ts';
import type { FioJob } from '../job.ts';
import { directionsOf } from '../job.ts';
import { BlockMap } from './block-map.ts';
import { Permutation, permutationMax } from './permutation.ts';
import { uniformBelow } from './uniform-below.ts';

/** Draws each block of a file once, until none is left. */
export interface RandomMap {
  /** Begins again with nothing done. */
  restart(random: Random): void;
  /** A block that has not been done, below `blockCount`; -1 where there is none. */
  next(blockCount: number): number;
  /**
   * Marks what an operation covers, and answers how many of its bytes it may have: it ends before the
   * first block that has been done already.
   */
  mark(block: number, byteCount: number, blockBytes: number): number;
}

export function createRandomMap(pattern: FioJob['pattern'], regionBytes: number): RandomMap {
  const used = directionsOf(pattern.access).map((direction) => pattern.blocks[direction]);
  const smallest = Math.min(...used.map(({ minBytes }) => minBytes));
  const isFixed = used.every(
    ({ minBytes, maxBytes }) => minBytes === smallest && maxBytes === smallest,
  );
  const blockCount = Math.floor(regionBytes / smallest);
  return isFixed && blockCount <= permutationMax
    ? permutedBlocks(blockCount)
    : probedBlocks(blockCount);
}

/** Blocks of one size: a permutation, which needs no memory and has no preference. */
function permutedBlocks(blockCount: number): RandomMap {
  const permutation = new Permutation(blockCount);
  return {
    restart: (random) => {
      permutation.restart(random);
    },
    next: () => permutation.next(),
    mark: (_block, byteCount) => byteCount,
  };
}

/** Blocks of several sizes: fio's way, the first free block from a drawn one on. */
function probedBlocks(blockCount: number): RandomMap {
  const done = new BlockMap(blockCount);
  let draws: Random | undefined;
  return {
    restart: (random) => {
      done.clear();
      draws = random;
    },
    next(limit) {
      const drawn = uniformBelow(limit, draws!);
      return done.isSet(drawn) ? done.nextFree(drawn) : drawn;
    },
    mark(block, byteCount, blockBytes) {
      const marked = done.setRun(block, Math.ceil(byteCount / blockBytes));
      return Math.min(byteCount, marked * blockBytes);
    },
  };
}
