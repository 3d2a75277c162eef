import { describe, expect, it } from 'vitest';
import { byteSize } from './byte-size.ts';

describe('a size on the command line', () => {
  it.each([
    ['4096', 4096],
    ['4k', 4096],
    ['16K', 16_384],
    ['64MiB', 67_108_864],
    ['64MB', 67_108_864],
    ['1.5GiB', 1_610_612_736],
    ['1T', 1_099_511_627_776],
    ['512b', 512],
  ])('%s is %i bytes', (text, bytes) => {
    expect(byteSize(text)).toBe(bytes);
  });

  it.each(['', '0', '-4k', '4x', 'MiB', '0.3', '4kk', '99999999T'])('refuses "%s"', (text) => {
    expect(() => byteSize(text)).toThrow('expected a size');
  });
});
