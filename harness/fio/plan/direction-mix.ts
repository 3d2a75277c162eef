import type { Random } from '../../contract/index.ts';
import { directionsOf, type FioJob } from '../job.ts';
import type { FileCursor } from './file-cursor.ts';
import { opKind, transferNumber } from './op-chunk.ts';
import { percentDraw } from './uniform-below.ts';

const { read, write, trim, fsync, fdatasync } = opKind;

/** Decides what comes next: a read, a write, a trim or a sync. */
export class DirectionMix {
  readonly #access: FioJob['pattern']['access'];
  readonly #only: 0 | 1 | 2;
  readonly #readPercent: number;
  readonly #fsyncEvery: number;
  readonly #fdatasyncEvery: number;
  readonly #issued = new Float64Array(3);
  #random: Random | undefined;
  #lastKind = -1;
  #current: 0 | 1 = read;
  /** The direction is drawn anew once this many operations of the current one have been issued. */
  #drawAfter = 0;

  constructor(job: FioJob) {
    this.#access = job.pattern.access;
    this.#only = transferNumber[directionsOf(job.pattern.access)[0]!];
    this.#readPercent = job.pattern.readPercent;
    this.#fsyncEvery = job.durability.fsyncEvery;
    this.#fdatasyncEvery = job.durability.fdatasyncEvery;
  }

  reseed(random: Random): void {
    this.#random = random;
  }

  beginPass(): void {
    this.#drawAfter = 0;
  }

  /** The sync that the write before calls for, or 0. */
  dueSync(): 0 | typeof fsync | typeof fdatasync {
    if (this.#lastKind !== write) return 0;
    const writes = this.#issued[write]!;
    if (this.#fsyncEvery > 0 && writes % this.#fsyncEvery === 0) {
      this.#lastKind = fsync;
      return fsync;
    }
    if (this.#fdatasyncEvery > 0 && writes % this.#fdatasyncEvery === 0) {
      this.#lastKind = fdatasync;
      return fdatasync;
    }
    return 0;
  }

  next(file: FileCursor): 0 | 1 | 2 {
    if (this.#access === 'rw') return this.#mixed();
    if (this.#access !== 'trimwrite') return this.#only;
    return file.lastBegin[write] === file.lastBegin[trim] ? trim : write;
  }

  /** fio draws a direction when the current one has had its share, and stays with it until then. */
  #mixed(): 0 | 1 {
    if (this.#issued[this.#current]! >= this.#drawAfter) {
      const drawn = percentDraw(this.#random!) <= this.#readPercent ? read : write;
      if (drawn !== this.#current) {
        const otherPercent = this.#current === read ? 100 - this.#readPercent : this.#readPercent;
        this.#drawAfter = Math.floor((this.#issued[this.#current]! * otherPercent) / 100);
      }
      this.#current = drawn;
    }
    return this.#current;
  }

  issued(kind: 0 | 1 | 2): void {
    this.#issued[kind] = this.#issued[kind]! + 1;
    this.#lastKind = kind;
  }

  /**
   * A trim at the place of the last pair would look like the end of that pair, and no write would
   * follow it; so the write before is made to differ.
   */
  trimmed(kind: 0 | 1 | 2, file: FileCursor, begin: number): void {
    if (this.#access !== 'trimwrite' || kind !== trim) return;
    if (file.lastBegin[trim] === begin) file.lastBegin[write] = -2;
  }
}
