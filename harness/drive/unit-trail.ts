import type { SparseImage } from './image.ts';
import type { Unit } from './unit.ts';

interface Pending {
  readonly unit: Unit;
  /** Counts applied requests; a flush covers those up to its own submission. */
  readonly order: number;
  /** Zeros left by a discard: a failed flush drops writes, not discards. */
  readonly isDiscard: boolean;
}

interface Trail {
  /** What the unit falls back to when all that is pending is dropped. */
  floor: Unit;
  previous: Unit;
  pending: Pending[];
}

/**
 * What the drive's cache knows of the units that were written: what each held before (a stale read
 * serves it) and what is not durable yet (a failed flush may drop it). The live contents stay in the
 * image; crash states are computed from the history, not from here.
 */
export class UnitTrails {
  readonly #image: SparseImage;
  readonly #trails = new Map<number, Trail>();
  readonly #dirty = new Map<number, Trail>();
  #applied = 0;

  constructor(image: SparseImage) {
    this.#image = image;
  }

  /** Requests applied so far: what a flush that is submitted now covers. */
  get applied(): number {
    return this.#applied;
  }

  /** Ends the application of one request; its units share one place in the order. */
  closeRequest(): void {
    this.#applied += 1;
  }

  /** Makes the contents live. Durable contents end what was pending before them. */
  apply(index: number, unit: Unit, how: 'durable' | 'cached' | 'discarded'): void {
    const before = this.#image.readUnit(index);
    const trail = this.#trailOf(index, before);
    trail.previous = before;
    if (how === 'durable') {
      trail.floor = unit;
      trail.pending = [];
      this.#dirty.delete(index);
    } else {
      trail.pending.push({ unit, order: this.#applied + 1, isDiscard: how === 'discarded' });
      this.#dirty.set(index, trail);
    }
    this.#image.writeUnit(index, unit);
  }

  /** A flush that covered the first `covered` requests has persisted them. */
  settle(covered: number): void {
    for (const [index, trail] of this.#dirty) {
      const durable = trail.pending.findLast((entry) => entry.order <= covered);
      if (durable === undefined) continue;
      trail.floor = durable.unit;
      trail.pending = trail.pending.filter((entry) => entry.order > covered);
      if (trail.pending.length === 0) this.#dirty.delete(index);
    }
  }

  /** A flush failed and what it covered is gone: the live contents go back to what is left. */
  drop(covered: number): void {
    for (const [index, trail] of this.#dirty) {
      trail.pending = trail.pending.filter((entry) => entry.order > covered || entry.isDiscard);
      this.#image.writeUnit(index, trail.pending.at(-1)?.unit ?? trail.floor);
      if (trail.pending.length === 0) this.#dirty.delete(index);
    }
  }

  /** What the unit held before its latest version: its foreign pattern if nothing else is known. */
  previousOf(index: number): Unit {
    return this.#trails.get(index)?.previous ?? this.#image.foreignUnit(index);
  }

  #trailOf(index: number, before: Unit): Trail {
    let trail = this.#trails.get(index);
    if (trail === undefined) {
      trail = { floor: before, previous: before, pending: [] };
      this.#trails.set(index, trail);
    }
    return trail;
  }
}
