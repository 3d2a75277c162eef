import type { Platform } from '../../../harness/contract/index.ts';

/** CRC-32C of `bytes`, continuing from `previous`; see Platform. */
export type Crc32c = (bytes: Uint8Array, previous?: number) => number;

/** The platform's, free of its owner. */
export function crc32cOf(platform: Platform): Crc32c {
  return (bytes, previous) => platform.crc32c(bytes, previous);
}

const table = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f63b78;
  return crc;
});

/**
 * The same of the first `byteCount` bytes, a byte at a time: for a few dozen bytes a call into native
 * code takes longer than they do.
 */
export function crc32cOfFew(bytes: Uint8Array, byteCount: number, previous: number): number {
  let crc = ~previous;
  for (let index = 0; index < byteCount; index++) {
    crc = table[(crc ^ bytes[index]!) & 0xff]! ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
