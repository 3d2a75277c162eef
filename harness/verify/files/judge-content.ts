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
    this.#durable = Math.max(durableMoment(crash, file.node), file.carriedAt);
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
    for (let index = start; index < lengths.length; index++) {
      const length = lengths[index]!;
      if (length.at > now && index > start) break;
      if (!explains(length, shown, index > start ? block : 0)) continue;
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
    if (!contract.writesAreDurable) return this.#durable;
    const { writes } = this.#file.node.history;
    for (let index = writes.length - 1; index >= 0; index--) {
      const { at, settledAt, end } = writes[index]!;
      if (at <= this.#durable) break;
      if (settledAt <= window.last && end > this.#content.length) return at;
    }
    return this.#durable;
  }

  #countLostLengths(shown: number): void {
    const { lengths } = this.#file.node.history;
    for (let index = shown + 1; index < lengths.length; index++) {
      const { at } = lengths[index]!;
      if (at > this.#crash.now) break;
      if (lengths[index]!.high !== this.#content.length) this.#countLost(at);
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
    const cut = this.#lengthAt > this.#durable ? this.#lastCut(versions, start) : start;
    return { versions, start, end, cut };
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
    const { unitBytes } = this.#file.node.history;
    const block = this.#crash.contract.blockBytes ?? defaultBlockBytes;
    const first = Math.floor((this.#blockOf(unit * unitBytes) * block) / unitBytes);
    for (
      let other = first;
      other * unitBytes < (this.#blockOf(unit * unitBytes) + 1) * block;
      other++
    ) {
      const { start, end } = this.#allowedIn(other);
      if (end > start) return true;
    }
    return false;
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
