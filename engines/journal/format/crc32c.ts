import type { Platform } from '../../../harness/contract/index.ts';

/** CRC-32C of `bytes`, continuing from `previous`; see Platform. */
export type Crc32c = (bytes: Uint8Array, previous?: number) => number;

/** The platform's, free of its owner. */
export function crc32cOf(platform: Platform): Crc32c {
  return (bytes, previous) => platform.crc32c(bytes, previous);
}
