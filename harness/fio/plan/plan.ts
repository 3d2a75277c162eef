import { createRandom, type Random } from '../../contract/index.ts';
import { directions, directionsOf, type FioJob } from '../job.ts';
import { DirectionMix } from './direction-mix.ts';
import { FileCursor } from './file-cursor.ts';
import type { OpChunk } from './op-chunk.ts';
import { opKind } from './op-chunk.ts';
import { OpSizes } from './op-sizes.ts';
import { PassLimits } from './pass-limits.ts';
import { placesOf } from './random-places.ts';
import { createRandomMap, type RandomMap } from './random-map.ts';
import type { Places } from './skewed-places.ts';
import { percentDraw } from './uniform-below.ts';

const write = opKind.write;
const trim = opKind.trim;

/**
 * The sequence of a job's operations. It knows neither time nor completions: where fio decides by
 * them (runtime, rate, errors) the sequence is longer, and whoever runs it stops.
 */
export interface Plan {
  /**
   * Fills the chunk from its beginning and answers how many operations it holds; 0 at the end. A
   * time-based job has no end.
   */
  fill(chunk: OpChunk): number;
}

/** The same job and seed give the same plan, chunk by chunk of any size. */
export function createPlan(job: FioJob, seed: number | string): Plan {
  return new JobPlan(job, planRandom(job, seed));
}

/** Clones, and jobs of one file, each have a fork of the seed. */
export function planRandom(job: FioJob, seed: number | string): Random {
  return createRandom(seed)
    .fork(`fio:${job.seed.value ?? ''}`)
    .fork(`job:${job.threadNumber}`);
}

class JobPlan implements Plan {
  readonly #job: FioJob;
  readonly #pattern: FioJob['pattern'];
  readonly #root: Random;
  readonly #files: readonly FileCursor[];
  readonly #maps: readonly RandomMap[];
  readonly #limits: PassLimits;
  readonly #mix: DirectionMix;
  readonly #alignBytes = new Float64Array(3);
  readonly #minBytes = new Float64Array(3);
  readonly #randomPercent = new Uint8Array(3);
  /** Blocks to draw from, of each file and direction. */
  readonly #blockCounts: readonly Float64Array[];

  #places: (Places | undefined)[][] = [];
  #sizes: OpSizes[] = [];
  #sequence: Random;
  #passes = 0;
  #isFirstOfPass = true;
  #isEnded = false;
  #opsUntilDraw: number;
  #fileIndex = 0;
  /** What the last call of a place function found, so that no object is made for it. */
  #isRandomPlace = false;
  #isMarked = false;
  #block = 0;

  constructor(job: FioJob, root: Random) {
    this.#job = job;
    this.#pattern = job.pattern;
    this.#root = root;
    this.#sequence = root;
    this.#files = job.extent.files.map((file) => new FileCursor(file));
    this.#limits = new PassLimits(job);
    this.#mix = new DirectionMix(job);
    this.#opsUntilDraw = job.pattern.opsPerDraw;
    for (const [number, direction] of directions.entries()) {
      this.#alignBytes[number] = job.pattern.blocks[direction].alignBytes;
      this.#minBytes[number] = job.pattern.blocks[direction].minBytes;
      this.#randomPercent[number] = job.pattern.randomPercent[direction];
    }
    this.#blockCounts = this.#files.map((file) =>
      Float64Array.from([0, 1, 2], (number) =>
        file.blockCount(this.#alignBytes[number]!, this.#minBytes[number]!),
      ),
    );
    const hasMap = job.pattern.isRandom && job.pattern.hasRandomMap;
    this.#maps = hasMap
      ? this.#files.map((file) =>
          createRandomMap(job.pattern, Math.min(file.regionBytes, file.fileBytes)),
        )
      : [];
    this.#beginPass();
  }

  fill(chunk: OpChunk): number {
    let count = 0;
    while (count < chunk.capacity && !this.#isEnded) {
      if (this.#next(chunk, count)) {
        chunk.passStarts[count] = this.#isFirstOfPass ? 1 : 0;
        this.#isFirstOfPass = false;
        count++;
      } else if (!this.#isFirstOfPass && this.#limits.hasAnotherPass()) {
        this.#beginPass();
      } else {
        this.#isEnded = true;
      }
    }
    chunk.count = count;
    return count;
  }

  #beginPass(): void {
    if (this.#passes === 0 || this.#job.seed.isRepeatedEachPass) this.#draw('pass');
    else this.#restartMaps(`pass ${this.#passes}`);
    for (const file of this.#files) file.restart();
    this.#fileIndex = 0;
    this.#limits.beginPass();
    this.#mix.beginPass();
    this.#isFirstOfPass = true;
    this.#passes++;
  }

  /** Makes every source of chance anew, so that the same numbers come again. */
  #draw(name: string): void {
    const root = this.#root;
    this.#mix.reseed(root.fork('mix'));
    this.#sequence = root.fork('sequence');
    this.#sizes = directions.map(
      (direction) =>
        new OpSizes(
          this.#pattern.blocks[direction],
          this.#pattern.isUnaligned,
          root.fork(`sizes:${direction}`),
        ),
    );
    this.#restartMaps(name);
    if (this.#maps.length > 0 || !this.#pattern.isRandom) return;
    this.#places = this.#files.map((_, file) => this.#placesOfFile(file));
  }

  /** One source of places for all directions, as in fio, where they draw from the same blocks. */
  #placesOfFile(file: number): (Places | undefined)[] {
    const used = directionsOf(this.#pattern.access);
    const counts = this.#blockCounts[file]!;
    const made = new Map<string, Places>();
    return directions.map((direction, number) => {
      const blockCount = counts[number]!;
      if (!used.includes(direction) || blockCount === 0) return undefined;
      const isShared = this.#pattern.distribution.kind.startsWith('zoned') ? direction : '';
      const key = `${blockCount}${isShared}`;
      const places =
        made.get(key) ??
        placesOf(
          this.#pattern,
          direction,
          blockCount,
          this.#root.fork(`places:${file}:${made.size}`),
        );
      made.set(key, places);
      return places;
    });
  }

  #restartMaps(name: string): void {
    for (const [file, map] of this.#maps.entries())
      map.restart(this.#root.fork(`map:${file}:${name}`));
  }

  /** Puts the next operation at `at`; false at the end of the pass. */
  #next(chunk: OpChunk, at: number): boolean {
    if (this.#limits.isPassOver()) return false;
    const sync = this.#mix.dueSync();
    if (sync !== 0) return this.#put(chunk, at, sync, 0, 0);
    for (let tries = this.#files.length; tries > 0; tries--) {
      const file = this.#files[this.#fileIndex]!;
      const kind = this.#mix.next(file);
      if (this.#place(chunk, at, kind, file)) {
        this.#mix.issued(kind);
        this.#limits.issued(kind, chunk.byteCounts[at]!);
        this.#advanceFile();
        return true;
      }
      this.#advanceFile();
    }
    return false;
  }

  #advanceFile(): void {
    if (this.#files.length > 1) this.#fileIndex = (this.#fileIndex + 1) % this.#files.length;
  }

  #put(chunk: OpChunk, at: number, kind: number, byteOffset: number, byteCount: number): true {
    chunk.kinds[at] = kind;
    chunk.fileIndexes[at] = this.#fileIndex;
    chunk.byteOffsets[at] = byteOffset;
    chunk.byteCounts[at] = byteCount;
    return true;
  }

  #place(chunk: OpChunk, at: number, kind: 0 | 1 | 2, file: FileCursor): boolean {
    const offset = this.#nextOffset(kind, file);
    if (offset < 0 || offset >= file.regionBytes) return false;
    const begin = file.beginByte + offset;
    let byteCount = this.#nextSize(kind, file, begin);
    if (byteCount === 0 || begin + byteCount > file.fileBytes) return false;
    if (this.#isMarked && this.#maps.length > 0) {
      const minBytes = this.#minBytes[kind]!;
      byteCount = this.#maps[this.#fileIndex]!.mark(this.#block, byteCount, minBytes);
    }
    this.#mix.trimmed(kind, file, begin);
    file.lastBegin[kind] = begin;
    file.lastEnd[kind] = begin + byteCount;
    return this.#put(chunk, at, kind, begin, byteCount);
  }

  /** From the beginning of the region; -1 where there is none. */
  #nextOffset(kind: 0 | 1 | 2, file: FileCursor): number {
    const pattern = this.#pattern;
    this.#isMarked = false;
    this.#isRandomPlace = false;
    if (pattern.opsPerDraw > 1 && --this.#opsUntilDraw > 0) return this.#followOn(kind, file);
    this.#opsUntilDraw = pattern.opsPerDraw;
    if (pattern.access === 'trimwrite' && pattern.isRandom && kind === write) {
      this.#isRandomPlace = true;
      return file.lastBegin[trim]! - file.beginByte;
    }
    if (!pattern.isRandom) return this.#sequentialOffset(kind, file);
    const share = this.#randomPercent[kind]!;
    if (share === 100 || percentDraw(this.#sequence) <= share) return this.#drawnOffset(kind);
    const offset = this.#sequentialOffset(kind, file);
    return offset === -1 ? this.#drawnOffset(kind) : offset;
  }

  /** The operations between two draws of `rw=randwrite:8`. */
  #followOn(kind: 0 | 1 | 2, file: FileCursor): number {
    if (this.#pattern.thenPlace === 'identical') {
      return file.lastBegin[kind] === -1 ? 0 : file.lastBegin[kind]! - file.beginByte;
    }
    const offset = this.#sequentialOffset(kind, file);
    return offset === -1 && this.#pattern.isRandom ? this.#drawnOffset(kind) : offset;
  }

  #drawnOffset(kind: 0 | 1 | 2): number {
    this.#isRandomPlace = true;
    const block = this.#drawnBlock(kind);
    return block === -1 ? -1 : block * this.#alignBytes[kind]!;
  }

  #drawnBlock(kind: 0 | 1 | 2): number {
    const blockCount = this.#blockCounts[this.#fileIndex]![kind]!;
    if (blockCount === 0) return -1;
    const map = this.#maps[this.#fileIndex];
    if (map === undefined) return this.#places[this.#fileIndex]![kind]!.next();
    this.#isMarked = true;
    this.#block = map.next(blockCount);
    if (this.#block === -1 && this.#job.extent.isTimeBased) {
      this.#files[this.#fileIndex]!.restart();
      map.restart(this.#sequence.fork(`round ${this.#limits.opsIssued}`));
      this.#block = map.next(blockCount);
    }
    return this.#block;
  }

  /** fio's rules, odd ones included: `rw=read:-4k` stays at 0 unless the offset is at the end. */
  #sequentialOffset(kind: 0 | 1 | 2, file: FileCursor): number {
    if (file.lastEnd[kind]! >= file.endByte && this.#limits.wrapsAround) {
      file.lastEnd[kind] = file.beginByte;
    }
    if (file.lastEnd[kind]! >= file.fileBytes) return -1;
    const skip = this.#pattern.skipBytes;
    const end = Math.min(file.fileBytes, file.regionBytes);
    if (skip < 0 && file.beginByte > 0 && file.lastEnd[kind] === file.beginByte) {
      file.lastEnd[kind] = end;
    }
    const offset = file.lastEnd[kind]! - file.beginByte;
    if (offset === 0 || skip === 0) return offset;
    const moved = offset + skip;
    // fio compares without a sign, so a place before the beginning counts as one behind the end.
    if (moved >= 0 && moved < file.fileBytes) return moved;
    return skip > 0 ? file.beginByte : end + skip;
  }

  #nextSize(kind: 0 | 1 | 2, file: FileCursor, begin: number): number {
    const pattern = this.#pattern;
    if (pattern.access === 'trimwrite' && pattern.isRandom && kind === write) {
      return file.lastEnd[trim]! - file.lastBegin[trim]!;
    }
    if (!pattern.isSizedByRandomness) return this.#sizes[kind]!.next(file.endByte - begin);
    return this.#sizes[this.#isRandomPlace ? 1 : 0]!.next(file.endByte - begin);
  }
}
