import { evaluate } from './expression.ts';
import { ValueProblem } from './problem.ts';

/** How unit prefixes are meant: with 1024, fio's default, `k` is 1024 and `KiB` is 1000. */
export interface Units {
  readonly kbBase: 1000 | 1024;
}

/** A share of the size of a file or device that is not known where the text is read. */
export interface Share {
  readonly percent: number;
}

const prefixes = ['', 'k', 'm', 'g', 't', 'p'];
const sizeExamples = 'write 4096, 4k, 64k or 1g';

/** A number of bytes from 0 up: `4096`, `4k`, `0x1000`, `(4*1024)`. */
export function readBytes(text: string, units: Units): number {
  const value = text.startsWith('(')
    ? evaluate(text, (all, at) => numberAt(all, at, units))
    : signedNumber(text, units);
  if (value < 0) throw new ValueProblem(`"${text}" is negative`, sizeExamples);
  if (!Number.isSafeInteger(value)) {
    throw new ValueProblem(`"${text}" is too large`, 'use at most 2^53 bytes, which is 8p');
  }
  return value;
}

/** A number of bytes that may have a sign, as in `rw=write:-8k`. */
export function readSignedBytes(text: string, units: Units): number {
  return signedNumber(text, units);
}

/** Bytes, or `50%`. */
export function readBytesOrShare(text: string, units: Units): number | Share {
  const share = /^(\d+)%$/.exec(text)?.[1];
  if (share === undefined) return readBytes(text, units);
  if (Number(share) > 100) throw new ValueProblem(`"${text}" is above 100%`, 'write up to 100%');
  return { percent: Number(share) };
}

function signedNumber(text: string, units: Units): number {
  const sign = /^[+-]/.exec(text)?.[0] ?? '';
  const { value, end } = numberAt(text, sign.length, units);
  if (end !== text.length) throw nonsense(text);
  return sign === '-' ? -value : value;
}

/** Digits or `0x` and hexadecimal digits, and a unit behind decimal ones. */
function numberAt(
  text: string,
  at: number,
  { kbBase }: Units,
): { readonly value: number; readonly end: number } {
  const rest = text.slice(at);
  const hex = /^0x[0-9a-f]+(?![0-9a-z.])/i.exec(rest)?.[0];
  if (hex !== undefined) return { value: Number(hex), end: at + hex.length };
  const [whole, digits, prefix, isIec, unit] =
    /^(\d+)([kmgtp]?)(i?)(b?)(?![0-9a-z.%])/i.exec(rest) ?? [];
  if (whole === undefined || (isIec !== '' && prefix === '')) throw nonsense(text);
  // With base 1024, fio takes only the long form of the IEC units for powers of 1000: 1kib, not 1ki.
  const isLongIec = isIec !== '' && unit !== '';
  const base = isLongIec ? (kbBase === 1024 ? 1000 : 1024) : kbBase;
  const value = Number(digits) * base ** prefixes.indexOf(prefix!.toLowerCase());
  return { value, end: at + whole.length };
}

function nonsense(text: string): ValueProblem {
  const message = text === '' ? 'the value is missing' : `"${text}" is no number of bytes`;
  return new ValueProblem(message, sizeExamples);
}

const microsecondsOf: Readonly<Record<string, number>> = {
  us: 1,
  usec: 1,
  ms: 1e3,
  msec: 1e3,
  s: 1e6,
  m: 60e6,
  h: 3600e6,
  d: 86_400e6,
};

/**
 * A time in nanoseconds: `30s`, `5m`, `500ms`; a bare number is in `bareUnit`, which differs from
 * option to option in fio.
 */
export function readTime(text: string, bareUnit: 's' | 'us' | 'ms'): number {
  const digits = /^\d+/.exec(text)?.[0];
  const unit = text.slice(digits?.length ?? 0).toLowerCase();
  const perUnit = unit === '' ? microsecondsOf[bareUnit] : microsecondsOf[unit];
  const nanoseconds = digits === undefined ? NaN : Number(digits) * (perUnit ?? NaN) * 1000;
  if (Number.isFinite(nanoseconds)) return nanoseconds;
  if (text.startsWith('-')) {
    throw new ValueProblem(`"${text}" is negative`, 'write a time such as 30s, 5m or 500ms');
  }
  throw new ValueProblem(
    text === '' ? 'the value is missing' : `"${text}" is no time`,
    // fio takes 10sec and 10min for 10 microseconds, which nobody means.
    'write a whole number with us, ms, s, m, h or d, such as 30s, 5m or 500ms',
  );
}

/** A whole number, decimal or hexadecimal, within bounds. Suffixes as fio allows them: `iodepth=1k`. */
export function readWhole(
  text: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { readonly min?: number; readonly max?: number } = {},
): number {
  const expected =
    max === Number.MAX_SAFE_INTEGER
      ? `write a whole number from ${min}`
      : `write a whole number from ${min} to ${max}`;
  let value: number;
  try {
    value = text.startsWith('(')
      ? readBytes(text, { kbBase: 1024 })
      : signedNumber(text, { kbBase: 1024 });
  } catch {
    throw new ValueProblem(
      text === '' ? 'the value is missing' : `"${text}" is no whole number`,
      expected,
    );
  }
  if (value < min || value > max) throw new ValueProblem(`${text} is out of range`, expected);
  return value;
}

/** A decimal number. */
export function readDecimal(text: string): number {
  if (/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)) return Number(text);
  throw new ValueProblem(
    text === '' ? 'the value is missing' : `"${text}" is no number`,
    'write a number such as 1.2',
  );
}
