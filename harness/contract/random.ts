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
 * Makes the generator of a seed: xoshiro128** (Blackman and Vigna, 2018), its state a
 * 128-bit hash of the seed and the fork path. Not for secrets.
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
    [this.#a, this.#b, this.#c, this.#d] = hashText(path);
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

/** Four lanes of multiply-xor over the text, each finished by MurmurHash3's fmix32; never all zero. */
function hashText(text: string): [number, number, number, number] {
  const lanes: [number, number, number, number] = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    lanes[0] = lanes[1] ^ Math.imul(lanes[0] ^ code, 0x9e3779b1);
    lanes[1] = lanes[2] ^ Math.imul(lanes[1] ^ code, 0x85ebca77);
    lanes[2] = lanes[3] ^ Math.imul(lanes[2] ^ code, 0xc2b2ae3d);
    lanes[3] = lanes[0] ^ Math.imul(lanes[3] ^ code, 0x27d4eb2f);
  }
  const sum = lanes[0] ^ lanes[1] ^ lanes[2] ^ lanes[3];
  return [
    finish(lanes[0] + sum),
    finish(lanes[1] + Math.imul(sum, 3)),
    finish(lanes[2] + Math.imul(sum, 5)),
    finish(lanes[3] + Math.imul(sum, 7)) | 1,
  ];
}

function finish(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
