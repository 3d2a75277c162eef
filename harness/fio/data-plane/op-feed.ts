import type { FioJob } from '../job.ts';
import { createOpChunk, type OpChunk } from '../plan/op-chunk.ts';
import { opKind } from '../plan/op-chunk.ts';
import { createPlan, type Plan } from '../plan/plan.ts';
import { createTimetable, type Timetable } from '../plan/timetable.ts';
import type { ReadBack, WrittenBlocks } from '../plan/written-blocks.ts';

/** Long enough that filling a chunk is seldom, short enough that it is no pause. */
const chunkOps = 512;

/**
 * The operations that a driver takes up one after the other. `load` makes the entry at `at` valid;
 * the columns are those of a chunk, so that nothing is made per operation.
 */
export interface OpFeed {
  /** Columns that the entry lies in. */
  readonly chunk: Pick<OpChunk, 'kinds' | 'fileIndexes' | 'byteOffsets' | 'byteCounts'>;
  readonly at: number;
  /** Nanoseconds from the start of the job, 0 where nothing is paced. */
  readonly dueNs: number;
  /** Of a write: its number. Of a read-back: the number of the write that must be found. */
  readonly writeNumber: number;
  /** Whether there is an entry to take up now. */
  load(): boolean;
  /** The entry at `at` has been handed over. */
  consume(): void;
}

/** The plan of a job, pass by pass. */
export class PlanFeed implements OpFeed {
  readonly chunk: OpChunk = createOpChunk(chunkOps);
  at = 0;
  writeNumber = 0;
  issuedOps = 0;
  readonly isPaced: boolean;
  readonly #plan: Plan;
  readonly #timetable: Timetable;
  readonly #dueNs = new Float64Array(chunkOps);
  readonly #written: WrittenBlocks | undefined;
  #isEnded = false;
  /** A pass that begins waits until the one before it has been read back. */
  #mayBeginPass = true;
  /** Two lanes of multiply and xor over what was issued. */
  #digestA = 0x243f6a88;
  #digestB = 0x85a308d3;

  /** With `written`, a feed pauses at the end of each pass, and the writes of the pass are in there. */
  constructor(job: FioJob, seed: number, written: WrittenBlocks | undefined) {
    this.#plan = createPlan(job, seed);
    this.#timetable = createTimetable(job, seed);
    this.isPaced = this.#timetable.isPaced;
    this.#written = written;
    this.#refill();
  }

  get dueNs(): number {
    return this.#dueNs[this.at]!;
  }

  /** Whether a pass has ended and another one is to come. */
  get isAtPassEnd(): boolean {
    return !this.isEnded && !this.load();
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  load(): boolean {
    if (this.at >= this.chunk.count && !this.#isEnded) this.#refill();
    if (this.#isEnded) return false;
    return this.#mayBeginPass || this.chunk.passStarts[this.at] === 0;
  }

  consume(): void {
    const { at, chunk } = this;
    const kind = chunk.kinds[at]!;
    const byteOffset = chunk.byteOffsets[at]!;
    this.#digestA = Math.imul(this.#digestA ^ byteOffset, 0x9e3779b1) ^ chunk.byteCounts[at]!;
    this.#digestB =
      Math.imul(this.#digestB ^ this.#digestA ^ (byteOffset / 0x100000000), 0x85ebca6b) ^
      ((chunk.fileIndexes[at]! << 3) | kind);
    if (kind === opKind.write) this.writeNumber++;
    this.issuedOps++;
    this.#mayBeginPass = this.#written === undefined;
    this.at++;
  }

  /** After the last read-back of a pass: the writes of the next one come into an empty list. */
  beginPass(): void {
    this.#written?.clear();
    this.#mayBeginPass = true;
  }

  /** Puts what has been issued of this chunk into the list of writes. */
  settle(): void {
    this.#written?.add(this.chunk, this.at);
    this.#dropConsumed();
  }

  digest(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return hex(this.#digestA) + hex(this.#digestB);
  }

  #refill(): void {
    this.#written?.add(this.chunk, this.at);
    this.at = 0;
    this.#isEnded = this.#plan.fill(this.chunk) === 0;
    this.#timetable.fill(this.chunk, this.#dueNs);
  }

  #dropConsumed(): void {
    const { chunk, at } = this;
    for (const column of [
      chunk.kinds,
      chunk.fileIndexes,
      chunk.byteOffsets,
      chunk.byteCounts,
      chunk.passStarts,
      this.#dueNs,
    ]) {
      column.copyWithin(0, at, chunk.count);
    }
    chunk.count -= at;
    this.at = 0;
  }
}

/** What a pass has written, as reads. */
export class ReadBackFeed implements OpFeed {
  readonly chunk: OpFeed['chunk'];
  readonly dueNs = 0;
  at = 0;
  readonly #count: number;
  readonly #writeNumbers: Float64Array;

  constructor({ count, fileIndexes, byteOffsets, byteCounts, writeNumbers }: ReadBack) {
    this.chunk = { kinds: new Uint8Array(count), fileIndexes, byteOffsets, byteCounts };
    this.#count = count;
    this.#writeNumbers = writeNumbers;
  }

  get writeNumber(): number {
    return this.#writeNumbers[this.at]!;
  }

  load(): boolean {
    return this.at < this.#count;
  }

  consume(): void {
    this.at++;
  }
}
