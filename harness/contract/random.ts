/** The only source of chance in a run. Forked by name, so that adding a consumer moves no other. */
export interface Random {
  fork(name: string): Random;
  /** A whole number from 0 to 2^32 - 1. */
  uint32(): number;
  /** A whole number from 0 to `bound` - 1, without modulo bias. */
  below(bound: number): number;
  /** True with the probability `numerator / denominator`. */
  chance(numerator: number, denominator: number): boolean;
  fill(target: Uint8Array): void;
}

/**
 * Makes the generator of a seed: xoshiro128** (Blackman and Vigna, 2018), seeded through
 * splitmix32 from two FNV-1a hashes of the seed and the fork path. Not for secrets.
 */
export function createRandom(seed: number | string): Random {
  return new SeededRandom(`seed:${String(seed)}`);
}

class SeededRandom implements Random {
  readonly #path: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(path: string) {
    this.#path = path;
    const first = splitMix32(hashText(path, 0x811c9dc5));
    const second = splitMix32(hashText(path, 0x050c5d1f));
    this.#a = first();
    this.#b = second();
    this.#c = first();
    this.#d = second() | 1;
  }

  fork(name: string): Random {
    return new SeededRandom(`${this.#path}/${name}`);
  }

  uint32(): number {
    const scrambled = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotateLeft(this.#d, 11);
    return scrambled;
  }

  below(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) {
      throw new RangeError(`bound must be a whole number from 1 to 2^32, not ${String(bound)}`);
    }
    const limit = 2 ** 32 - (2 ** 32 % bound);
    for (;;) {
      const value = this.uint32();
      if (value < limit) return value % bound;
    }
  }

  chance(numerator: number, denominator: number): boolean {
    return this.below(denominator) < numerator;
  }

  fill(target: Uint8Array): void {
    for (let index = 0; index < target.length; index += 4) {
      const word = this.uint32();
      for (let byte = 0; byte < 4 && index + byte < target.length; byte++) {
        target[index + byte] = (word >>> (8 * byte)) & 0xff;
      }
    }
  }
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function hashText(text: string, basis: number): number {
  let hash = basis;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

function splitMix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return mixed ^ (mixed >>> 15);
  };
}
