import { createRequire } from 'node:module';
import { crc32cPortable } from './crc32c-portable.ts';

type Crc32c = (bytes: Uint8Array, previous?: number) => number;

/**
 * CRC-32C (Castagnoli, reflected, init and final xor ~0) of `bytes`, continuing from the CRC
 * `previous` of the bytes before them. Uses the processor's instruction where the prebuilt module
 * loads, and plain JavaScript elsewhere.
 */
export const crc32c: Crc32c = loadNative() ?? crc32cPortable;

function loadNative(): Crc32c | undefined {
  try {
    const load = createRequire(import.meta.url);
    return (load('@node-rs/crc32') as { crc32c: Crc32c }).crc32c;
  } catch {
    // No prebuilt module for this machine: the portable one gives the same answers, slower.
    return undefined;
  }
}
