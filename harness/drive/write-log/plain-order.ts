import type { Unit } from '../unit.ts';

interface Through {
  readonly unit: Unit;
  readonly group: number;
}

/**
 * Of which blocks a log of dm-log-writes does not say whether a FUA write or a plain one came last
 * (log-histories.ts). A group is what lies between two flushes. A plain write may be older than the
 * FUA writes of its own group, and, while n flushes are in flight, than those of the n groups before: the
 * flush before it had been submitted when it completed, and all of those n may have been unanswered.
 */
export class PlainOrder {
  /** Undefined where the log is in true order. */
  readonly #groupsBack: number | undefined;
  /** The latest FUA write of each block. */
  readonly #through = new Map<number, Through>();
  /** Of each block with a plain write in this group, whether its order is known. */
  readonly #behind = new Map<number, boolean>();
  readonly #unknown = new Set<number>();
  #group = 0;

  constructor(flushesInFlightMax: number | undefined) {
    this.#groupsBack = flushesInFlightMax;
  }

  /** A durable block of which it is not known what it holds, if there is one. */
  get firstUnknown(): number | undefined {
    const [first] = this.#unknown;
    return first;
  }

  noteThrough(index: number, unit: Unit): void {
    this.#through.set(index, { unit, group: this.#group });
    this.#unknown.delete(index);
  }

  /** False where the write must not be taken to be newer than what the block holds. */
  noteBehind(index: number, unit: Unit): boolean {
    // Of equal contents it does not matter which came last.
    const isKnown = this.isKnown(index) || this.#through.get(index)!.unit.equals(unit);
    this.#behind.set(index, isKnown);
    return isKnown;
  }

  /** Whether a plain write or discard that is logged now came after every FUA write to the block. */
  isKnown(index: number): boolean {
    const through = this.#through.get(index);
    if (through === undefined || this.#groupsBack === undefined) return true;
    return through.group < this.#group - this.#groupsBack;
  }

  /** A flush: what was pending is durable. */
  closeGroup(): void {
    for (const [index, isKnown] of this.#behind) {
      if (isKnown) this.#unknown.delete(index);
      else this.#unknown.add(index);
    }
    this.#behind.clear();
    this.#group += 1;
  }
}
