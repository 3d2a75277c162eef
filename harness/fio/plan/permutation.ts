import type { Random } from '../../contract/index.ts';

/** A permutation of more numbers needs more than 32-bit arithmetic. */
export const permutationMax = 2 ** 32;

/**
 * Every whole number from 0 to `count` - 1 once, in an order that the keys decide, without any memory:
 * an invertible mixing of the next power of two (additions, odd factors and xor-shifts, as hashes
 * have), applied until it leads back into the range. On average fewer than two mixings a number.
 */
export class Permutation {
  readonly #count: number;
  readonly #mask: number;
  readonly #shift: number;
  readonly #keys = new Int32Array(3);
  readonly #factors = new Int32Array(3);
  #next = 0;

  constructor(count: number) {
    if (!Number.isInteger(count) || count < 1 || count > permutationMax) {
      throw new RangeError(`a permutation has from 1 to 2^32 numbers, not ${count}`);
    }
    this.#count = count;
    const bits = Math.max(1, Math.ceil(Math.log2(count)));
    this.#mask = bits === 32 ? -1 : (1 << bits) - 1;
    this.#shift = Math.max(1, bits >>> 1);
  }

  /** Begins again, with another order. */
  restart(random: Random): void {
    this.#next = 0;
    for (let round = 0; round < 3; round++) {
      this.#keys[round] = random.uint32();
      this.#factors[round] = random.uint32() | 1;
    }
  }

  /** The next number, or -1 when all have been. */
  next(): number {
    if (this.#next >= this.#count) return -1;
    let value = this.#next++ | 0;
    do {
      value = this.#mixed(value);
    } while (value >>> 0 >= this.#count);
    return value >>> 0;
  }

  #mixed(value: number): number {
    const mask = this.#mask;
    const shift = this.#shift;
    let mixed = value;
    for (let round = 0; round < 3; round++) {
      mixed = Math.imul(mixed + this.#keys[round]!, this.#factors[round]!) & mask;
      mixed ^= (mixed >>> 0) >>> shift;
    }
    return mixed;
  }
}
