import type { Nanoseconds } from './units.ts';

/** Time, handed in so that a simulated run can own it. */
export interface Clock {
  now(): Nanoseconds;
  /** Calls `callback` once after `delayNs`; the answer cancels it. */
  after(delayNs: Nanoseconds, callback: () => void): () => void;
}

/**
 * What an engine may take from the world besides its devices. The rigs supply it, so that the same
 * engine code runs on the twin (virtual time, seeded entropy) and on real devices.
 */
export interface Platform {
  readonly clock: Clock;
  /** Fills the target with random bytes (salts, ids). Seeded on the twin. */
  entropy(target: Uint8Array): void;
  /**
   * CRC-32C (Castagnoli, reflected, init and final xor ~0) of `bytes`, continuing from the CRC
   * `previous` of the bytes before them (0 to begin). `crc32c("123456789")` is 0xe3069283.
   */
  crc32c(bytes: Uint8Array, previous?: number): number;
}
