import type { SparseImage } from '../image.ts';
import type { Unit } from '../unit.ts';

/** Whole units, one after the other. */
export interface UnitRun {
  readonly firstUnit: number;
  readonly payload: Uint8Array;
}

export interface WrittenUnits {
  readonly firstUnit: number;
  readonly units: readonly Unit[];
}

/**
 * Makes whole atomic units of what is written. Where the unit is larger than a block, a drive merges a
 * part of one with the rest of it: with what was written to it last, be that still in flight.
 */
export class UnitMerger {
  readonly #image: SparseImage;
  readonly #inFlight = new Set<WrittenUnits>();

  constructor(image: SparseImage) {
    this.#image = image;
  }

  begin(write: WrittenUnits): void {
    this.#inFlight.add(write);
  }

  end(write: WrittenUnits): void {
    this.#inFlight.delete(write);
  }

  /** The bytes themselves where they are whole units. */
  wholeUnits(byteOffset: number, bytes: Uint8Array): UnitRun {
    const { unitBytes } = this.#image;
    const firstUnit = Math.floor(byteOffset / unitBytes);
    const before = byteOffset - firstUnit * unitBytes;
    const whole = Math.ceil((before + bytes.length) / unitBytes) * unitBytes;
    if (whole === bytes.length) return { firstUnit, payload: bytes };
    const payload = new Uint8Array(whole);
    const lastUnit = firstUnit + whole / unitBytes - 1;
    payload.set(this.#latest(firstUnit).bytes, 0);
    payload.set(this.#latest(lastUnit).bytes, whole - unitBytes);
    payload.set(bytes, before);
    return { firstUnit, payload };
  }

  #latest(index: number): Unit {
    let latest: Unit | undefined;
    for (const { firstUnit, units } of this.#inFlight) latest = units[index - firstUnit] ?? latest;
    return latest ?? this.#image.readUnit(index);
  }
}
