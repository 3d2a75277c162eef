import type { FioJob } from '../job.ts';
import { greatestCommonDivisor } from '../greatest-common-divisor.ts';
import { BlockMap } from './block-map.ts';
import { opKind, type OpChunk } from './op-chunk.ts';

/** What a pass has written and must be read back, in columns. */
export interface ReadBack {
  readonly count: number;
  readonly fileIndexes: Uint16Array;
  readonly byteOffsets: Float64Array;
  readonly byteCounts: Uint32Array;
  /** The number of the write in the job, from 0: what its header or stamp must say. */
  readonly writeNumbers: Float64Array;
}

/**
 * Remembers the writes of a pass, and says in which order fio reads them back: as they were written
 * where no block can have been written twice, else by file and offset, each place as it was written
 * last. A write of which a later one has overwritten a part is left out, as in fio.
 */
export class WrittenBlocks {
  readonly #isInOrder: boolean;
  #fileIndexes = new Uint16Array(1024);
  #byteOffsets = new Float64Array(1024);
  #byteCounts = new Uint32Array(1024);
  #count = 0;
  #writesBefore = 0;

  constructor(job: FioJob) {
    this.#isInOrder = job.pattern.isRandom && job.pattern.hasRandomMap;
  }

  /** Takes the writes of a chunk up to entry `end`. */
  add(chunk: OpChunk, end = chunk.count): void {
    for (let at = 0; at < end; at++) {
      if (chunk.kinds[at] !== opKind.write) continue;
      if (this.#count === this.#byteOffsets.length) this.#grow();
      this.#fileIndexes[this.#count] = chunk.fileIndexes[at]!;
      this.#byteOffsets[this.#count] = chunk.byteOffsets[at]!;
      this.#byteCounts[this.#count] = chunk.byteCounts[at]!;
      this.#count++;
    }
  }

  /** Begins the next pass. The numbers of the writes go on. */
  clear(): void {
    this.#writesBefore += this.#count;
    this.#count = 0;
  }

  readBack(): ReadBack {
    const kept = this.#isInOrder ? this.#all() : this.#lastByPlace();
    return {
      count: kept.length,
      fileIndexes: Uint16Array.from(kept, (index) => this.#fileIndexes[index]!),
      byteOffsets: Float64Array.from(kept, (index) => this.#byteOffsets[index]!),
      byteCounts: Uint32Array.from(kept, (index) => this.#byteCounts[index]!),
      writeNumbers: Float64Array.from(kept, (index) => this.#writesBefore + index),
    };
  }

  #all(): Uint32Array {
    return Uint32Array.from({ length: this.#count }, (_, index) => index);
  }

  #lastByPlace(): Uint32Array {
    const unit = this.#unit();
    const maps = new Map<number, BlockMap>();
    const kept: number[] = [];
    for (let index = this.#count - 1; index >= 0; index--) {
      const file = this.#fileIndexes[index]!;
      const map = maps.get(file) ?? new BlockMap(this.#endOf(file) / unit);
      maps.set(file, map);
      if (isFreeRun(map, this.#byteOffsets[index]! / unit, this.#byteCounts[index]! / unit)) {
        kept.push(index);
      }
    }
    return Uint32Array.from(kept).sort((one, other) => this.#compare(one, other));
  }

  #compare(one: number, other: number): number {
    const file = this.#fileIndexes[one]! - this.#fileIndexes[other]!;
    return file === 0 ? this.#byteOffsets[one]! - this.#byteOffsets[other]! : file;
  }

  /** The largest unit in which every offset and every size is whole. */
  #unit(): number {
    let unit = 0;
    for (let index = 0; index < this.#count && unit !== 1; index++) {
      unit = greatestCommonDivisor(this.#byteOffsets[index]!, unit);
      unit = greatestCommonDivisor(this.#byteCounts[index]!, unit);
    }
    return Math.max(unit, 1);
  }

  #endOf(file: number): number {
    let end = 0;
    for (let index = 0; index < this.#count; index++) {
      if (this.#fileIndexes[index] !== file) continue;
      end = Math.max(end, this.#byteOffsets[index]! + this.#byteCounts[index]!);
    }
    return end;
  }

  #grow(): void {
    this.#fileIndexes = grown(this.#fileIndexes, Uint16Array);
    this.#byteOffsets = grown(this.#byteOffsets, Float64Array);
    this.#byteCounts = grown(this.#byteCounts, Uint32Array);
  }
}

/** Marks all blocks of the run, and answers whether none of them had been marked. */
function isFreeRun(map: BlockMap, from: number, count: number): boolean {
  const marked = map.setRun(from, count);
  if (marked === count) return true;
  for (let block = from + marked + 1; block < from + count; block++) map.setRun(block, 1);
  return false;
}

function grown<Column extends Uint16Array | Uint32Array | Float64Array>(
  column: Column,
  make: new (length: number) => Column,
): Column {
  const larger = new make(column.length * 2);
  larger.set(column);
  return larger;
}
