import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { PayloadSlab } from './payload-slab.ts';

test.each([0, 1, 4096, 65_536, 65_537, 300_000])(
  'what the caller does with its %i bytes afterwards does not change the copy, nor does it in a Buffer',
  (byteCount) => {
    for (const source of [new Uint8Array(byteCount).fill(7), Buffer.alloc(byteCount, 7)]) {
      const copy = new PayloadSlab().copy(source);
      source.fill(8);
      expect(copy.length).toBe(byteCount);
      expect(copy.every((byte) => byte === 7)).toBe(true);
    }
  },
);
