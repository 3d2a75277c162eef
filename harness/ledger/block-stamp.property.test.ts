import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inspectBlock, readStamp, writeStamp } from './block-stamp.ts';
import { crc32c } from './crc32c.ts';

const word = fc.nat(2 ** 32 - 1);

const cases = fc.record({
  stamp: fc.record({
    seed: fc.oneof(fc.integer(), fc.double({ noNaN: true })),
    block: fc.oneof(word, fc.maxSafeNat()),
    op: word,
    writer: word,
    epoch: word,
    value: fc.oneof(fc.integer(), fc.double()),
    place: fc.nat(70_000),
  }),
  /** More lengths than are learned by heart. */
  sectors: fc.oneof(fc.constant(8), fc.integer({ min: 1, max: 100 })),
  /** Where the block lies in memory: no place is refused. */
  shift: fc.nat(7),
});

test('the checksum of a stamp is that of its bytes, whatever the stamp says', () => {
  fc.assert(
    fc.property(cases, ({ stamp, sectors, shift }) => {
      const block = new Uint8Array(sectors * 512 + shift).subarray(shift);
      for (const { op } of [{ op: stamp.op ^ 1 }, stamp]) writeStamp(block, { ...stamp, op });
      const view = new DataView(block.buffer, shift);
      const end = block.length - 4;
      expect(view.getUint32(end, true)).toBe(crc32c(block.subarray(0, end)));
      expect(inspectBlock(block, stamp.block, stamp.seed)).toEqual({
        op: stamp.op,
        value: stamp.value,
      });
      const { seed, op, writer, epoch, value } = stamp;
      const found = { seed, op, writer, epoch, value, block: stamp.block % 2 ** 32 };
      expect(readStamp(block, seed)).toEqual(found);
    }),
    { seed: 5, numRuns: 3000 },
  );
});
