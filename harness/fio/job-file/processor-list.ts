import { ValueProblem } from './problem.ts';
import { required } from './value-readers.ts';

/** More than any machine has, so that a slip of the keyboard does not make a list of a million. */
const processorMax = 8191;

/** fio's list of processors, `0,2-4`: ascending, each once. */
export const processorList = required((value) => {
  const numbers = new Set<number>();
  for (const part of value.split(',')) {
    const [first, last] = rangeOf(part, value);
    for (let processor = first; processor <= last; processor++) numbers.add(processor);
  }
  return ascending(numbers);
});

/** fio's `cpumask`: bit n stands for processor n. */
export const processorMask = required((value) => {
  const isNumber = /^(0x[0-9a-f]+|\d+)$/i.test(value);
  const mask = isNumber ? Number(value) : 0;
  if (mask < 1 || mask >= 2 ** 32) {
    throw new ValueProblem(
      `"${value}" is no mask of processors`,
      'write a number from 1 to 0xffffffff, or cpus_allowed=0,2-4',
    );
  }
  return Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => ((mask >>> bit) & 1) === 1);
});

function rangeOf(part: string, value: string): readonly [number, number] {
  const found = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
  const first = Number(found?.[1] ?? NaN);
  const last = Number(found?.[2] ?? first);
  if (first <= last && last <= processorMax) return [first, last];
  throw new ValueProblem(
    `"${value}" is no list of processors`,
    `write numbers up to ${processorMax} and ranges, such as 0,2-4`,
  );
}

function ascending(numbers: ReadonlySet<number>): readonly number[] {
  return [...numbers].sort((one, other) => one - other);
}
