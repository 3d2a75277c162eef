import type { EventSeq } from '../contract/index.ts';
import type { CrashPlan, CrashState } from './crash-states.ts';
import type { SparseImage } from './image.ts';

/** Makes the images of planned states. */
export interface Materialiser {
  /**
   * One image per drive of the history, in its order; forks, free to be changed. Costs as many unit
   * writes as the state differs from the durable contents of its moment. Cheapest in index order.
   */
  images(state: Pick<CrashState, 'bornAt' | 'choices'>): SparseImage[];
}

/** Durable contents are kept at every this many of their changes, to go back to. */
const changesPerCheckpoint = 2048;

export function createMaterialiser(plan: CrashPlan): Materialiser {
  return new FloorMaterialiser(plan);
}

/** Carries the durable contents through time and forks them for each state. */
class FloorMaterialiser implements Materialiser {
  readonly #changes: CrashPlan['floorChanges'];
  readonly #placeOf: ReadonlyMap<number, number>;
  readonly #checkpoints: SparseImage[][];
  #floor: SparseImage[];
  /** Changes applied to the floor. */
  #applied = 0;

  constructor({ history, floorChanges }: CrashPlan) {
    this.#changes = floorChanges;
    this.#placeOf = new Map(history.devices.map(({ device }, place) => [device, place]));
    this.#floor = history.devices.map(({ base }) => base.fork());
    this.#checkpoints = [this.#forkFloor()];
  }

  images({ bornAt, choices }: Pick<CrashState, 'bornAt' | 'choices'>): SparseImage[] {
    this.#moveTo(bornAt);
    const images = this.#forkFloor();
    for (const { device, unitIndex, unit } of choices) {
      images[this.#placeOf.get(device)!]!.writeUnit(unitIndex, unit);
    }
    return images;
  }

  #moveTo(seq: EventSeq): void {
    if (this.#applied > 0 && this.#changes[this.#applied - 1]!.seq > seq) this.#goBack(seq);
    while (this.#applied < this.#changes.length && this.#changes[this.#applied]!.seq <= seq) {
      const { device, unitIndex, unit } = this.#changes[this.#applied]!;
      this.#floor[this.#placeOf.get(device)!]!.writeUnit(unitIndex, unit);
      this.#applied += 1;
      const isDue = this.#applied === this.#checkpoints.length * changesPerCheckpoint;
      if (isDue) this.#checkpoints.push(this.#forkFloor());
    }
  }

  #goBack(seq: EventSeq): void {
    let place = Math.floor(this.#applied / changesPerCheckpoint);
    while (place > 0 && this.#changes[place * changesPerCheckpoint - 1]!.seq > seq) place -= 1;
    this.#floor = this.#checkpoints[place]!.map((image) => image.fork());
    this.#applied = place * changesPerCheckpoint;
  }

  #forkFloor(): SparseImage[] {
    return this.#floor.map((image) => image.fork());
  }
}
