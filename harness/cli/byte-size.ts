import { InvalidArgumentError } from './typed-commander.ts';

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

/** Bytes of `4096`, `4k`, `64MiB` or `1.5G`; a unit is a power of 1024 however it is written. */
export function byteSize(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  const bytes = digits === undefined ? NaN : Number(digits) * units[unit!.toLowerCase()]!;
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new InvalidArgumentError('expected a size such as 4096, 16k, 64MiB or 1GiB');
}
