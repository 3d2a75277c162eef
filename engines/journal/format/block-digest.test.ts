import { crc32c } from '@node-rs/crc32';
import { expect, test } from 'vitest';
import { createRandom } from '../../../harness/contract/index.ts';
import { blockDigest } from './block-digest.ts';

const digest = (bytes: Uint8Array): number => blockDigest(bytes, crc32c);

/** A block each of whose units ends in the CRC-32C of what is before it in the unit. */
function selfChecked(seed: number, unitBytes: number): Uint8Array {
  const block = new Uint8Array(4096);
  createRandom(seed).fill(block);
  const view = new DataView(block.buffer);
  for (let end = unitBytes; end <= block.length; end += unitBytes) {
    const unit = block.subarray(end - unitBytes, end - 4);
    view.setUint32(end - 4, crc32c(unit), true);
  }
  return block;
}

test.each([512, 1024, 2048, 4096])(
  'blocks of units of %i bytes that end in their own CRC-32C have one CRC and many digests',
  (unitBytes) => {
    const blocks = Array.from({ length: 50 }, (_, seed) => selfChecked(seed, unitBytes));
    expect(new Set(blocks.map((block) => crc32c(block))).size).toBe(1);
    expect(new Set(blocks.map(digest)).size).toBe(50);
  },
);

test('a block whose sectors are of two such blocks has a digest of its own', () => {
  const [older, newer] = [selfChecked(1, 512), selfChecked(2, 512)];
  for (let cut = 512; cut < 4096; cut += 512) {
    const torn = newer.slice();
    torn.set(older.subarray(0, cut));
    expect([digest(older), digest(newer)]).not.toContain(digest(torn));
  }
});

test('any flipped bit changes the digest @req C3', () => {
  const block = selfChecked(3, 4096);
  const before = digest(block);
  for (let bit = 0; bit < 4096 * 8; bit += 37) {
    block[bit >> 3]! ^= 1 << (bit & 7);
    expect(digest(block)).not.toBe(before);
    block[bit >> 3]! ^= 1 << (bit & 7);
  }
});
