import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c } from './crc32c.ts';
import { checksumOverFiller } from './filler-checksum.ts';
import { fillerBytes } from './filler.ts';

const filler = fillerBytes();

test('the checksum of changed filler is that of its bytes', () => {
  const cases = fc.record({
    start: fc.nat((filler.length - 65_536) / 4).map((word) => word * 4),
    sectors: fc.integer({ min: 1, max: 128 }),
    inFirstSector: fc.integer({ min: 0, max: 100 }),
    inOtherSectors: fc.integer({ min: 0, max: 100 }),
    noise: fc.uint8Array({ minLength: 400, maxLength: 400 }),
    /** Where the block lies in memory: no place is refused. */
    shift: fc.nat(7),
  });
  fc.assert(
    fc.property(cases, ({ start, sectors, inFirstSector, inOtherSectors, noise, shift }) => {
      const block = new Uint8Array(sectors * 512 + shift).subarray(shift);
      block.set(filler.subarray(start, start + block.length));
      for (let sector = 0; sector < sectors; sector++) {
        const words = sector === 0 ? inFirstSector : inOtherSectors;
        block.set(noise.subarray(0, words * 4), sector * 512);
      }
      const byteCount = block.length - 4;
      const changed = { inFirstSector, inOtherSectors };
      const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
      const found = checksumOverFiller(view, start, byteCount, changed);
      expect(found).toBe(crc32c(block.subarray(0, byteCount)));
    }),
    { seed: 5, numRuns: 300 },
  );
});

test('a block in which the filler begins anew, or of broken words, has to be gone over', () => {
  const changed = { inFirstSector: 11, inOtherSectors: 4 };
  const block = new DataView(new ArrayBuffer(4096));
  expect(checksumOverFiller(block, filler.length - 4092, 4092, changed)).toBeUndefined();
  expect(checksumOverFiller(block, filler.length - 4096, 4092, changed)).toBeDefined();
  expect(checksumOverFiller(block, 0, 4091, changed)).toBeUndefined();
});
