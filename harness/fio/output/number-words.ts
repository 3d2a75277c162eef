/** Numbers for people: three digits, and a unit that fits. */

const largeSteps = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
  [1, ''],
] as const;

const byteSteps = [
  [2 ** 40, 'TiB'],
  [2 ** 30, 'GiB'],
  [2 ** 20, 'MiB'],
  [2 ** 10, 'KiB'],
  [1, 'B'],
] as const;

const timeSteps = [
  [1e9, 's'],
  [1e6, 'ms'],
  [1e3, 'µs'],
  [1, 'ns'],
] as const;

/** `12.3k`, `1.23M`. */
export function countWords(count: number): string {
  return scaled(count, largeSteps, '');
}

export function byteWords(byteCount: number): string {
  return scaled(byteCount, byteSteps, ' ');
}

export function timeWords(nanoseconds: number): string {
  return scaled(nanoseconds, timeSteps, ' ');
}

function scaled(
  value: number,
  steps: readonly (readonly [number, string])[],
  space: string,
): string {
  const [size, unit] = steps.find(([step]) => value >= step) ?? steps.at(-1)!;
  const text = threeDigits(value / size);
  return unit === '' ? text : `${text}${space}${unit}`;
}

function threeDigits(value: number): string {
  if (value >= 100 || Number.isInteger(value)) return String(Math.round(value));
  return value.toPrecision(3);
}
