import { describe, expect, it } from 'vitest';
import { createRandom } from '../contract/index.ts';
import { crc32cPortable } from './crc32c-portable.ts';
import { crc32c } from './crc32c.ts';

const digits = Buffer.from('123456789');

describe.each([
  ['native', crc32c],
  ['portable', crc32cPortable],
])('CRC-32C, %s', (_name, crc) => {
  it('gives the check value @req C3', () => {
    expect(crc(digits)).toBe(0xe3069283);
  });

  it('continues from the bytes before', () => {
    expect(crc(digits.subarray(4), crc(digits.subarray(0, 4)))).toBe(0xe3069283);
  });

  it('of nothing is what it continues from', () => {
    expect(crc(new Uint8Array(0), 5)).toBe(5);
  });
});

it('the portable CRC agrees with the native one at every length and alignment', () => {
  const random = createRandom(1);
  const bytes = new Uint8Array(300);
  random.fill(bytes);
  for (let length = 0; length < 100; length++) {
    const part = bytes.subarray(random.below(100)).subarray(0, length);
    const previous = random.uint32();
    expect(crc32cPortable(part, previous)).toBe(crc32c(part, previous));
  }
});
