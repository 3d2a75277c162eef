import type { Direction } from '../job.ts';

/** What an entry of a chunk asks for. The transfers have the numbers of fio's directions. */
export const opKind = { read: 0, write: 1, trim: 2, fsync: 3, fdatasync: 4 } as const;

export const opKindNames: readonly string[] = ['read', 'write', 'trim', 'fsync', 'fdatasync'];

export const transferNumber: Readonly<Record<Direction, 0 | 1 | 2>> = {
  read: 0,
  write: 1,
  trim: 2,
};

/**
 * A stretch of a plan, in columns, so that the measured loop reads numbers and nothing else. Entry `i`
 * is valid for `i < count`; a sync has offset and byte count 0.
 */
export interface OpChunk {
  readonly capacity: number;
  count: number;
  /** `opKind`. */
  readonly kinds: Uint8Array;
  /** Index into `job.extent.files`. */
  readonly fileIndexes: Uint16Array;
  /** From the beginning of the file or device. */
  readonly byteOffsets: Float64Array;
  readonly byteCounts: Uint32Array;
  /** 1 where the entry is the first of a pass over the region. */
  readonly passStarts: Uint8Array;
}

export function createOpChunk(capacity: number): OpChunk {
  return {
    capacity,
    count: 0,
    kinds: new Uint8Array(capacity),
    fileIndexes: new Uint16Array(capacity),
    byteOffsets: new Float64Array(capacity),
    byteCounts: new Uint32Array(capacity),
    passStarts: new Uint8Array(capacity),
  };
}
