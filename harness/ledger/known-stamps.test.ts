import { expect, test } from 'vitest';
import { createRandom } from '../contract/index.ts';
import { inspectBlock, writeStamp } from './block-stamp.ts';
import { KnownStamps } from './known-stamps.ts';

function block(op: number, number: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(4096);
  writeStamp(bytes, { seed, op, block: number, writer: 1, epoch: 1, value: op });
  return bytes;
}

test('answers as inspectBlock does, whatever was seen before and however it is damaged', () => {
  const random = createRandom(1);
  const known = new KnownStamps();
  for (let round = 0; round < 3000; round++) {
    const seed = 1 + random.below(2);
    const at = random.below(4);
    const bytes = block(1 + random.below(4), random.below(4), seed);
    if (random.chance(1, 3)) bytes[random.below(bytes.length)]! ^= 1 + random.below(255);
    if (random.chance(1, 9)) bytes.fill(0, 512 * random.below(8));
    expect(known.inspect(bytes, at, 1)).toEqual(inspectBlock(bytes, at, 1));
  }
});

test('a block that was whole and is damaged in its last byte is not taken for the one before', () => {
  const known = new KnownStamps();
  const bytes = block(1, 0, 1);
  expect(known.inspect(bytes, 0, 1)).toMatchObject({ op: 1 });
  bytes[4095]! ^= 1;
  expect(known.inspect(bytes, 0, 1)).toEqual({ kind: 'corrupt' });
});
