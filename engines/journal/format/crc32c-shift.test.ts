import { crc32c } from '@node-rs/crc32';
import { expect, test } from 'vitest';
import { createRandom } from '../../../harness/contract/index.ts';
import { crc32cOfZeros, fixedShiftOf, shifted } from './crc32c-shift.ts';

const random = createRandom('crc32c-shift');
const byteCounts = [0, 1, 2, 26, 30, 63, 64, 94, 4000, 4032, 4096, 4097, 16_320, 100_000];

test.each(byteCounts)('the CRC of %i bytes behind two beginnings differs as it should', (count) => {
  const bytes = new Uint8Array(count);
  for (let draw = 0; draw < 20; draw++) {
    random.fill(bytes);
    const [one, other] = [random.below(2 ** 32), random.below(2 ** 32)];
    const difference = (crc32c(bytes, one) ^ crc32c(bytes, other)) >>> 0;
    expect(shifted(one ^ other, count)).toBe(difference);
    expect(fixedShiftOf(count).of(one ^ other)).toBe(difference);
  }
});

test.each(byteCounts)('the CRC of %i zeros needs no zeros', (count) => {
  const before = random.below(2 ** 32);
  expect(crc32cOfZeros(count, before)).toBe(crc32c(new Uint8Array(count), before));
});
