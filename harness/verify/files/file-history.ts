import type { LedgerPosition, OpId } from '../../contract/index.ts';
import { fillFileBytes } from '../../ledger/file-pattern.ts';
import type { ByteSlab } from './byte-slab.ts';

/**
 * A moment is the id of an operation: things as they stood once that operation, and all before it, had
 * taken effect in the page cache.
 */
export type Moment = OpId;

/** What a unit of a file held from a moment on; zeros beyond the length. */
export interface UnitVersion {
  readonly at: Moment;
  /** Undefined: all zeros. */
  readonly bytes: Buffer | undefined;
  /** Some operation before it may have taken effect in part, or not at all. */
  readonly loose: boolean;
}

/** The lengths that a file may have had from a moment on: one, unless an operation failed. */
export interface LengthVersion {
  readonly at: Moment;
  /** The least length just before. */
  readonly from: number;
  readonly low: number;
  readonly high: number;
  /**
   * A length on the way: where the length had not reached the disk, an operation within the file may
   * bring it there as far as its own end (ext4: ext4_update_disksize_before_punch, ext4_do_fallocate,
   * and write(2) without delayed allocation).
   */
  readonly step?: number;
}

/** An acknowledged sync: what was there at the moment is durable from the position on. */
export interface Synced {
  readonly at: Moment;
  readonly settledAt: LedgerPosition;
}

/** After a failed sync, what was written since `floor` and by `upTo` is covered by no later one. */
interface Unsure {
  readonly floor: Moment;
  readonly upTo: Moment;
}

/**
 * Everything that the contents of one file ever were: per unit of so many bytes, the version after each
 * operation that changed it; the lengths; and which moments were made durable when.
 */
export class FileHistory {
  readonly created: Moment;
  readonly unitBytes: number;
  readonly units: (UnitVersion[] | undefined)[] = [];
  readonly lengths: LengthVersion[];
  readonly syncs: Synced[] = [];
  /** Acknowledged writes, in order, for contracts under which they are durable at once. */
  readonly writes: {
    readonly at: Moment;
    readonly settledAt: LedgerPosition;
    readonly end: number;
  }[] = [];
  /** Some of it may be blocks that were allocated before they were written to. */
  isPreallocated = false;
  readonly #seed: number;
  readonly #slab: ByteSlab;
  readonly #unsure: Unsure[] = [];
  #low = 0;
  #high = 0;

  constructor(created: Moment, { seed, unitBytes, slab }: HistoryOptions) {
    this.created = created;
    this.unitBytes = unitBytes;
    this.lengths = [{ at: created, from: 0, low: 0, high: 0 }];
    this.#seed = seed;
    this.#slab = slab;
  }

  /** `loose`: the operation failed, or was never answered, and others came after it. */
  write(at: Moment, byteOffset: number, byteCount: number, loose: boolean): void {
    if (byteCount === 0) return;
    const bytes = new Uint8Array(byteCount);
    fillFileBytes(bytes, { seed: this.#seed, op: at, byteOffset });
    this.#put(at, byteOffset, byteCount, bytes, loose);
    this.#reach(at, byteOffset + byteCount, loose);
  }

  /** Where an earlier append failed, nobody knows where this one begins. */
  append(at: Moment, byteCount: number, loose: boolean): void {
    const isPlaced = this.#low === this.#high;
    if (isPlaced) {
      this.write(at, this.#low, byteCount, loose);
      return;
    }
    const low = loose ? this.#low : this.#low + byteCount;
    const high = this.#high + byteCount;
    this.write(at, this.#low, high - this.#low, true);
    this.#resize(at, low, high);
  }

  truncate(at: Moment, byteCount: number, loose: boolean): void {
    if (byteCount < this.#high) {
      this.#put(at, byteCount, this.#high - byteCount, undefined, loose);
    }
    if (!loose) this.#resize(at, byteCount, byteCount);
    else this.#resize(at, Math.min(this.#low, byteCount), Math.max(this.#high, byteCount));
  }

  /** fallocate(2): only the length can change, as what it allocates reads as zeros. */
  allocate(at: Moment, end: number, keepSize: boolean, loose: boolean): void {
    this.isPreallocated = true;
    if (!keepSize) this.#reach(at, end, loose);
  }

  punch(at: Moment, byteOffset: number, byteCount: number, loose: boolean): void {
    const count = Math.min(byteOffset + byteCount, this.#high) - byteOffset;
    if (count <= 0) return;
    this.#put(at, byteOffset, count, undefined, loose);
    this.#resize(at, this.#low, this.#high, byteOffset + count);
  }

  sync(synced: Synced): void {
    this.syncs.push(synced);
  }

  /** The kernel reports a failed write-back once and may then drop what it did not write. */
  failSync(at: Moment, globalFloor: Moment): void {
    const floor = Math.max(this.syncs.at(-1)?.at ?? this.created, globalFloor);
    this.#unsure.push({ floor, upTo: at });
  }

  /** The length as of the moment; where it is not certain, the greatest. */
  lengthAt(moment: Moment): number {
    return this.lengths[lastAt(this.lengths, moment)]?.high ?? 0;
  }

  /**
   * Index of the version that was in force at the moment: the last that is certain, and that no failed
   * sync has put in doubt. -1: zeros, before the first version.
   */
  versionAt(versions: readonly UnitVersion[], moment: Moment): number {
    let index = this.#trusted(versions, moment);
    while (index >= 0 && versions[index]!.loose) index--;
    return index;
  }

  /** Index of the length in force at the moment, that no failed sync has put in doubt. */
  lengthIndexAt(moment: Moment): number {
    return Math.max(0, this.#trusted(this.lengths, moment));
  }

  #trusted(versions: readonly { readonly at: Moment }[], moment: Moment): number {
    let index = lastAt(versions, moment);
    for (const { floor, upTo } of this.#unsure.toReversed()) {
      const at = versions[index]?.at ?? 0;
      if (at > floor && at <= upTo && moment >= upTo) index = lastAt(versions, floor);
    }
    return index;
  }

  #put(
    at: Moment,
    byteOffset: number,
    byteCount: number,
    bytes: Uint8Array | undefined,
    loose: boolean,
  ): void {
    const { unitBytes } = this;
    const end = byteOffset + byteCount;
    for (let unit = Math.floor(byteOffset / unitBytes); unit * unitBytes < end; unit++) {
      const unitStart = unit * unitBytes;
      const from = Math.max(byteOffset, unitStart);
      const to = Math.min(end, unitStart + unitBytes);
      const part = bytes?.subarray(from - byteOffset, to - byteOffset);
      this.#putUnit(at, unit, from - unitStart, to - unitStart, part, loose);
    }
  }

  #putUnit(
    at: Moment,
    unit: number,
    from: number,
    to: number,
    part: Uint8Array | undefined,
    loose: boolean,
  ): void {
    const versions = (this.units[unit] ??= []);
    const before = versions.at(-1);
    const isWhole = from === 0 && to === this.unitBytes;
    const isLoose = loose || (!isWhole && before?.loose === true);
    if (part === undefined && before?.bytes === undefined && !isLoose) return;
    let bytes: Buffer | undefined;
    if (part !== undefined || !isWhole) {
      bytes = this.#slab.take(this.unitBytes);
      if (before?.bytes !== undefined) bytes.set(before.bytes);
      if (part === undefined) bytes.fill(0, from, to);
      else bytes.set(part, from);
    }
    // What the operation left as it was is as it was.
    if (!isLoose && before?.loose !== true && areEqual(bytes, before?.bytes)) return;
    versions.push({ at, bytes, loose: isLoose });
  }

  /** The file has at least that length, if the operation did what it should. */
  #reach(at: Moment, end: number, loose: boolean): void {
    const low = loose ? this.#low : Math.max(this.#low, end);
    this.#resize(at, low, Math.max(this.#high, end), end);
  }

  #resize(at: Moment, low: number, high: number, end = high): void {
    const from = this.#low;
    if (low === from && high === this.#high) {
      if (end < high) this.lengths.push({ at, from, low, high, step: end });
      return;
    }
    this.lengths.push({ at, from, low, high });
    this.#low = low;
    this.#high = high;
  }
}

export interface HistoryOptions {
  readonly seed: number;
  readonly unitBytes: number;
  readonly slab: ByteSlab;
}

function areEqual(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}

/** Index of the last item whose moment is not after the given one; -1 where there is none. */
export function lastAt(items: readonly { readonly at: Moment }[], moment: Moment): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (items[middle]!.at <= moment) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The moment up to which the syncs had made things durable by the position; 0 where none had. */
export function syncedBy(syncs: readonly Synced[], position: LedgerPosition): Moment {
  let low = 0;
  let high = syncs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (syncs[middle]!.settledAt <= position) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : syncs[low - 1]!.at;
}

/**
 * Whether the file may show that length. `block`: it may have been made longer in steps of so many
 * bytes; 0: it was there whole.
 */
export function explains(
  { from, low, high }: LengthVersion,
  shown: number,
  block: number,
): boolean {
  if (shown >= low && shown <= high) return true;
  return block > 0 && shown > from && shown < high && shown % block === 0;
}
