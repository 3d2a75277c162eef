import type { PerDirection } from '../job.ts';
import { ValueProblem } from './problem.ts';
import type { Units } from './quantities.ts';
import { readBytes, readWhole } from './quantities.ts';

/** Reads the text of a value, undefined for a bare option. Throws ValueProblem. */
export type ValueReader<Value> = (text: string | undefined, units: Units) => Value;

/** A reader for options that must have a value. */
export function required<Value>(read: (text: string, units: Units) => Value): ValueReader<Value> {
  return (text, units) => {
    if (text === undefined) throw new ValueProblem('the value is missing', 'write name=value');
    return read(text, units);
  };
}

export const text = required((value) => {
  if (value === '')
    throw new ValueProblem('the value is empty', 'leave the option out, or give it one');
  return value;
});

export const bytesMin1 = required((value, units) => {
  const byteCount = readBytes(value, units);
  if (byteCount === 0) throw new ValueProblem('0 is out of range', 'write at least 1');
  return byteCount;
});

export function whole(
  bounds: { readonly min?: number; readonly max?: number } = {},
): ValueReader<number> {
  return required((value) => readWhole(value, bounds));
}

/** Bare, or 0 or 1. */
export const flag: ValueReader<boolean> = (value) => {
  if (value === undefined || value === '1') return true;
  if (value === '0') return false;
  throw new ValueProblem(
    `"${value}" is neither 0 nor 1`,
    'write 1 to switch it on, 0 to switch it off',
  );
};

/** 0 or 1, never bare: fio wants a value for these. */
export const zeroOrOne: ValueReader<boolean> = required((value) => flag(value, { kbBase: 1024 }));

/** One of the words, by its meaning. */
export function choice<Value>(choices: Readonly<Record<string, Value>>): ValueReader<Value> {
  return required((value) => {
    if (Object.hasOwn(choices, value)) return choices[value]!;
    throw new ValueProblem(
      `"${value}" is unknown`,
      `use one of ${Object.keys(choices).join(', ')}`,
    );
  });
}

/**
 * `read,write,trim`: a part left out on the right takes the last one given, an empty one is undefined
 * and keeps its default.
 */
export function perDirection<Value>(
  readOne: (part: string, units: Units) => Value,
): ValueReader<PerDirection<Value | undefined>> {
  return required((value, units) => {
    const parts = value.split(',');
    if (parts.length > 3) {
      throw new ValueProblem(
        `"${value}" has ${parts.length} parts`,
        'give at most read,write,trim',
      );
    }
    if (parts.every((part) => part === '')) {
      throw new ValueProblem('the value is missing', 'write one value, or read,write,trim');
    }
    // A comma at the very end counts for nothing, as in fio.
    if (parts.length > 1 && parts.at(-1) === '') parts.pop();
    const values = parts.map((part) => (part === '' ? undefined : readOne(part, units)));
    const last = values.at(-1);
    return {
      read: values[0],
      write: values.length > 1 ? values[1] : last,
      trim: values.length > 2 ? values[2] : last,
    };
  });
}

/** `4k-16k` or `4k:16k`, in either order. */
export function byteRange(
  part: string,
  units: Units,
): { readonly min: number; readonly max: number } {
  const bounds = /^([^-:]+)[-:]([^-:]+)$/.exec(part);
  if (bounds === null) {
    throw new ValueProblem(`"${part}" is no range`, 'write the smallest and the largest: 4k-16k');
  }
  const values = [readBytes(bounds[1]!, units), readBytes(bounds[2]!, units)];
  const range = { min: Math.min(...values), max: Math.max(...values) };
  if (range.min === 0) throw new ValueProblem(`"${part}" begins at 0`, 'write at least 1');
  return range;
}
