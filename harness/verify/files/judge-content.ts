/**
 * One file beside everything that it ever was. Its length must be one that it had at the durable
 * moment or later; or, where a write or an allocation was making it longer, a multiple of the block in
 * between, as delayed allocation gives a file its length block by block (ext4: i_disksize after
 * mpage_map_and_submit_extent; XFS: xfs_setfilesize). Each unit of `dataAtomicBytes` must be as it was
 * at one moment, the durable one or later, and different units may be of different moments. What was
 * beyond the length then, or a hole, was zeros then.
 *
 * A length that only came to be after the file had been cut shorter shows that the cut took effect: what
 * it cut off must not be seen any more.
 */
import type { FileOp, FilePath, OpId } from '../../contract/index.ts';
import { explainLength, explainUnits, type BadLength, type BadUnit } from './explain-content.ts';
import {
  durableMoment,
  entryOf,
  isAcknowledged,
  nothingFound,
  type FileCrash,
  type Findings,
} from './file-crash.ts';
import { explains, lastAt, type Moment, type UnitVersion } from './file-history.ts';
import type { FileNode } from './namespace-history.ts';

/** A file under one of its names, and what it must have been by. */
export interface ContentToJudge {
  readonly path: FilePath;
  readonly node: FileNode;
  readonly content: Uint8Array;
  /** A rename that shows and that carries the file's data with it, or 0. */
  readonly carriedAt: Moment;
}

export const defaultBlockBytes = 4096;

export function judgeContent(crash: FileCrash, file: ContentToJudge): Findings {
  return new ContentJudge(crash, file).judge();
}

/** Versions that a unit may show: from `start`, -1 being the zeros before any, to `end`. */
interface Allowed {
  readonly versions: readonly UnitVersion[];
  readonly start: number;
  readonly end: number;
  /** Versions before this one show only with zeros where the file was then cut off. */
  readonly cut: number;
}

const none: readonly UnitVersion[] = [];

class ContentJudge {
  readonly #crash: FileCrash;
  readonly #file: ContentToJudge;
  readonly #content: Buffer;
  readonly #durable: Moment;
  readonly #lost = new Set<OpId>();
  readonly #bad: BadUnit[] = [];
  readonly #exposed = new Set<number>();
  /** When the length that shows came to be, at the earliest. */
  #lengthAt: Moment = 0;

  constructor(crash: FileCrash, file: ContentToJudge) {
    this.#crash = crash;
    this.#file = file;
    const { buffer, byteOffset, byteLength } = file.content;
    this.#content = Buffer.from(buffer, byteOffset, byteLength);
    this.#durable = durableMoment(crash, file.node);
  }

  judge(): Findings {
    const badLength = this.#judgeLength();
    const { unitBytes } = this.#file.node.history;
    const units = Math.ceil(this.#content.length / unitBytes);
    for (let unit = 0; unit < units; unit++) this.#judgeUnit(unit);
    const badness = (badLength === undefined ? 0 : 1) + (this.#bad.length === 0 ? 0 : 1);
    if (badness + this.#lost.size + this.#exposed.size === 0) return nothingFound;
    return {
      badness,
      violations: () => [
        ...(badLength === undefined ? [] : [explainLength(this.#crash, this.#file, badLength)]),
        ...explainUnits(this.#crash, this.#file, this.#bad),
      ],
      lost: this.#lost,
      exposedBlocks: this.#exposed.size,
    };
  }

  #judgeLength(): BadLength | undefined {
    const { now, contract } = this.#crash;
    const { history } = this.#file.node;
    const { lengths } = history;
    const shown = this.#content.length;
    const owedFrom = this.#lengthOwedFrom();
    const start = history.lengthIndexAt(owedFrom);
    const block = contract.blockBytes ?? defaultBlockBytes;
    let least = Infinity;
    for (let index = start; index < lengths.length; index++) {
      const length = lengths[index]!;
      if (length.at > now && index > start) break;
      const isStep = length.step === shown && least < shown;
      least = Math.min(least, length.low);
      if (!isStep && !explains(length, shown, index > start ? block : 0)) continue;
      this.#lengthAt = length.at;
      this.#countLostLengths(index);
      return undefined;
    }
    this.#lengthAt = owedFrom;
    return { start, block };
  }

  /** A durable write of bytes beyond the length that shows asks for a length of its time or later. */
  #lengthOwedFrom(): Moment {
    const { contract, window } = this.#crash;
    const owedFrom = Math.max(this.#durable, this.#file.carriedAt);
    if (!contract.writesAreDurable) return owedFrom;
    const { writes } = this.#file.node.history;
    for (let index = writes.length - 1; index >= 0; index--) {
      const { at, settledAt, end } = writes[index]!;
      if (at <= owedFrom) break;
      if (settledAt <= window.last && end > this.#content.length) return at;
    }
    return owedFrom;
  }

  #countLostLengths(shown: number): void {
    const { lengths } = this.#file.node.history;
    for (let index = shown + 1; index < lengths.length; index++) {
      const { at, high, step } = lengths[index]!;
      if (at > this.#crash.now) break;
      if (high !== this.#content.length && step === undefined) this.#countLost(at);
    }
  }

  #judgeUnit(unit: number): void {
    const from = unit * this.#file.node.history.unitBytes;
    const to = Math.min(from + this.#file.node.history.unitBytes, this.#content.length);
    const allowed = this.#allowedIn(unit);
    const { versions, end, cut } = allowed;
    for (let index = end; index >= cut; index--) {
      if (!this.#shows(versions[index]?.bytes, from, to)) continue;
      for (let later = index + 1; later <= end; later++) this.#countLost(versions[later]!.at);
      return;
    }
    if (this.#showsSame(allowed, from, to)) return;
    if (this.#showsErased(allowed, from, to) || this.#mixesLoose(allowed, from, to)) return;
    if (this.#isExposed(unit, allowed)) this.#exposed.add(this.#blockOf(from));
    else this.#bad.push({ from, to, ...allowed, start: allowed.cut });
  }

  #allowedIn(unit: number): Allowed {
    const { history } = this.#file.node;
    const versions = history.units[unit];
    if (versions === undefined) return { versions: none, start: -1, end: -1, cut: -1 };
    const end = lastAt(versions, this.#crash.now);
    let start = history.versionAt(versions, this.#durable);
    if (this.#crash.contract.writesAreDurable) start = this.#writtenBy(versions, start);
    if (this.#file.carriedAt > this.#durable) start = this.#carried(unit, versions, start);
    const cut = this.#lengthAt > this.#durable ? this.#lastCut(versions, start) : start;
    return { versions, start, end, cut };
  }

  /**
   * A rename carries with it the blocks that had to be allocated for it: they show what was first
   * written to them, or something later. What was then overwritten in place it does not wait for, nor
   * for blocks that had been allocated before (ext4 has files wait for new blocks alone: ext4_map_blocks).
   */
  #carried(unit: number, versions: readonly UnitVersion[], start: number): number {
    const { history } = this.#file.node;
    if (history.isPreallocated || versions[start]?.bytes !== undefined) return start;
    const first = versions[start + 1];
    if (first?.bytes === undefined || first.loose || first.at > this.#file.carriedAt) return start;
    for (const other of this.#unitsBeside(unit)) {
      const beside = history.units[other] ?? none;
      const durable = history.versionAt(beside, this.#durable);
      const isAllocated = beside[durable]?.bytes !== undefined;
      if (isAllocated || (beside[durable + 1]?.at ?? Infinity) < first.at) return start;
    }
    return start + 1;
  }

  /** The units of the block that a unit lies in. */
  #unitsBeside(unit: number): number[] {
    const { unitBytes } = this.#file.node.history;
    const block = this.#crash.contract.blockBytes ?? defaultBlockBytes;
    const first = Math.floor((unit * unitBytes) / block) * block;
    const units: number[] = [];
    for (let other = Math.floor(first / unitBytes); other * unitBytes < first + block; other++) {
      units.push(other);
    }
    return units;
  }

  /** The last cut that must have taken effect for the file to have the length that it shows. */
  #lastCut(versions: readonly UnitVersion[], start: number): number {
    for (let index = lastAt(versions, this.#lengthAt); index > start; index--) {
      const { at, loose } = versions[index]!;
      if (!loose && entryOf(this.#crash, at).op.kind === 'truncate') return index;
    }
    return start;
  }

  /**
   * Whether the unit shows an older version with zeros where it has been cut off or punched since. What
   * has certainly been cut off must be zeros.
   */
  #showsErased({ versions, start, end, cut }: Allowed, from: number, to: number): boolean {
    const erased = (index: number): [number, number] | undefined =>
      erasedBy(entryOf(this.#crash, versions[index]!.at).op);
    for (let index = end - 1; index >= start; index--) {
      const bytes = versions[index]?.bytes;
      const may: [number, number][] = [];
      let mustFrom = Infinity;
      for (let later = index + 1; later <= end; later++) {
        const range = erased(later);
        if (range !== undefined) may.push(range);
        if (range?.[1] === Infinity && later <= cut) mustFrom = Math.min(mustFrom, range[0]);
      }
      if (may.length === 0) continue;
      let at = from;
      while (at < to) {
        const shown = this.#content[at]!;
        const isErased = shown === 0 && may.some(([low, high]) => at >= low && at < high);
        if (!isErased && (at >= mustFrom || shown !== (bytes?.[at - from] ?? 0))) break;
        at++;
      }
      if (at === to) return true;
    }
    return false;
  }

  /** The last write that was acknowledged, where that makes it durable. */
  #writtenBy(versions: readonly UnitVersion[], start: number): number {
    for (let index = versions.length - 1; index > start; index--) {
      const { at, loose } = versions[index]!;
      const { kind } = entryOf(this.#crash, at).op;
      const isWrite = kind === 'write' || kind === 'append';
      if (!loose && isWrite && isAcknowledged(this.#crash, at)) return index;
    }
    return start;
  }

  /**
   * Where an operation put back what had been there before, over a window that it lies in: as of the
   * first position it is the older version, as of the last the newer.
   */
  #showsSame({ versions, start, end }: Allowed, from: number, to: number): boolean {
    if (start <= end || !this.#shows(versions[start]?.bytes, from, to)) return false;
    return [{ bytes: undefined }, ...versions.slice(0, end + 1)].some(({ bytes }) =>
      this.#shows(bytes, from, to),
    );
  }

  #shows(bytes: Buffer | undefined, from: number, to: number): boolean {
    return (bytes ?? zerosOf(to - from)).compare(this.#content, from, to, 0, to - from) === 0;
  }

  /** After a failed operation, each byte may be of any of the versions. */
  #mixesLoose({ versions, start, end }: Allowed, from: number, to: number): boolean {
    const candidates = versions.slice(Math.max(start, 0), end + 1);
    if (!candidates.some(({ loose }) => loose)) return false;
    const mayBeZero = start < 0 || candidates.some(({ bytes }) => bytes === undefined);
    for (let at = from; at < to; at++) {
      const byte = this.#content[at]!;
      const isKnown = candidates.some(({ bytes }) => bytes?.[at - from] === byte);
      if (!isKnown && !(mayBeZero && byte === 0)) return false;
    }
    return true;
  }

  /** Whether the contract lets anything show there: something is on its way to the block. */
  #isExposed(unit: number, allowed: Allowed): boolean {
    if (this.#crash.contract.unsyncedData !== 'anything') return false;
    if (allowed.end > allowed.start) return true;
    return this.#unitsBeside(unit).some((other) => {
      const { start, end } = this.#allowedIn(other);
      return end > start;
    });
  }

  #blockOf(byteOffset: number): number {
    return Math.floor(byteOffset / (this.#crash.contract.blockBytes ?? defaultBlockBytes));
  }

  #countLost(op: OpId): void {
    if (isAcknowledged(this.#crash, op)) this.#lost.add(op);
  }
}

/** The bytes that the operation makes zeros, or takes away. */
function erasedBy(op: FileOp): [number, number] | undefined {
  if (op.kind === 'truncate') return [op.byteCount, Infinity];
  return op.kind === 'punch' ? [op.byteOffset, op.byteOffset + op.byteCount] : undefined;
}

let zeroBytes = Buffer.alloc(4096);

function zerosOf(byteCount: number): Buffer {
  if (zeroBytes.length < byteCount) zeroBytes = Buffer.alloc(byteCount);
  return zeroBytes;
}
