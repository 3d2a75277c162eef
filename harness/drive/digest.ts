import type { Words } from './unit.ts';

/**
 * The digest of an image is the lane-wise sum of one value per unit, a mix of the unit's number and
 * its hash. A sum does not depend on order, so it can be kept up to date when one unit changes, and
 * states that hold the same contents have the same digest however they came about. Units that hold
 * their foreign pattern count nothing, written or not.
 */
export const emptyDigest: Words = [0, 0, 0, 0];

export function addWords(a: Words, b: Words): Words {
  return [(a[0] + b[0]) | 0, (a[1] + b[1]) | 0, (a[2] + b[2]) | 0, (a[3] + b[3]) | 0];
}

export function subtractWords(a: Words, b: Words): Words {
  return [(a[0] - b[0]) | 0, (a[1] - b[1]) | 0, (a[2] - b[2]) | 0, (a[3] - b[3]) | 0];
}

/** What a unit adds to the digest of its image. Each lane is a bijection of its lane of the hash. */
export function unitDigest(index: number, hash: Words): Words {
  return [
    mix(hash[0] ^ Math.imul(index + 1, 0x9e3779b1)),
    mix(hash[1] ^ Math.imul(index + 1, 0x85ebca77)),
    mix(hash[2] ^ Math.imul(index + 1, 0xc2b2ae3d)),
    mix(hash[3] ^ Math.imul(index + 1, 0x27d4eb2f)),
  ];
}

/**
 * What an image adds to the digest of a crash state of several drives. Odd factors keep it a
 * bijection and linear; drive 0 counts as it is.
 */
export function deviceDigest(device: number, digest: Words): Words {
  const factor = Math.imul(device, 0x3c6ef372) + 1;
  return [
    Math.imul(digest[0], factor),
    Math.imul(digest[1], factor),
    Math.imul(digest[2], factor),
    Math.imul(digest[3], factor),
  ];
}

export function digestText(words: Words): string {
  let text = '';
  for (const word of words) text += (word >>> 0).toString(16).padStart(8, '0');
  return text;
}

/** MurmurHash3's finaliser. */
function mix(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
