import { hash } from 'node:crypto';

/** A 128-bit value as four 32-bit words. */
export type Words = readonly [number, number, number, number];

/**
 * The contents of one atomic unit of a drive. Immutable, so that images, histories and caches share
 * it; the bytes must never be changed. The hash is computed when first asked for.
 */
export class Unit {
  readonly bytes: Uint8Array;
  #hash: Words | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** The first 128 bits of SHA-256 of the bytes. */
  get hash(): Words {
    return (this.#hash ??= hashOf(this.bytes));
  }

  /** Whether both hold the same bytes. */
  equals(other: Unit): boolean {
    return this === other || sameWords(this.hash, other.hash);
  }
}

function hashOf(bytes: Uint8Array): Words {
  const digest = hash('sha256', bytes, 'buffer');
  return [
    digest.readInt32LE(0),
    digest.readInt32LE(4),
    digest.readInt32LE(8),
    digest.readInt32LE(12),
  ];
}

function sameWords(a: Words, b: Words): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}

/** Cuts bytes into units that share their memory: the caller must not change the bytes again. */
export function unitsOf(bytes: Uint8Array, unitBytes: number): Unit[] {
  const units: Unit[] = [];
  for (let offset = 0; offset < bytes.length; offset += unitBytes) {
    units.push(new Unit(bytes.subarray(offset, offset + unitBytes)));
  }
  return units;
}
