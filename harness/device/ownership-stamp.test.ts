import { expect, test } from 'vitest';
import { decodeStamp, encodeStamp } from './ownership-stamp.ts';

const stamp = { uuid: '0b6c', serial: 'S4EV NX0M', byteCount: 512_110_190_592 };

test.each([512, 4096])('a stamp fits a block of %d bytes and is read back', (blockBytes) => {
  const block = encodeStamp(stamp, blockBytes);
  expect(block).toHaveLength(blockBytes);
  expect(decodeStamp(block)).toEqual(stamp);
});

test('a stamp with any bit of its text changed does not count', () => {
  const block = encodeStamp(stamp, 512);
  const textBytes = block.indexOf(0);
  for (let bit = 0; bit < textBytes * 8; bit++) {
    const changed = block.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(decodeStamp(changed), `bit ${bit}`).toBeUndefined();
  }
});

test('a block without a stamp is none', () => {
  expect(decodeStamp(new Uint8Array(512))).toBeUndefined();
  expect(decodeStamp(new Uint8Array(512).fill(0xff))).toBeUndefined();
});
