import type { PatternPart } from '../job.ts';
import { ValueProblem } from './problem.ts';
import { required } from './value-readers.ts';

const patternBytesMax = 512;
const examples = 'write 0xdeadbeef, "text", a number, or several in a row; %o is the offset';

/**
 * fio's patterns: hexadecimal digits as the bytes they name, in order; text in double quotes; decimal
 * numbers as 32-bit little-endian words without their leading zero bytes; `%o` as the block's offset.
 */
export function bytePattern(
  mayHaveOffset: boolean,
): (value: string | undefined) => readonly PatternPart[] {
  const read = required((value) => {
    const parts: PatternPart[] = [];
    for (let at = 0; at < value.length;) {
      const { part, end } = partAt(value, at);
      if (part.kind === 'offset' && !mayHaveOffset) {
        throw new ValueProblem('%o is possible in verify_pattern only', 'write a fixed pattern');
      }
      parts.push(part);
      at = end;
    }
    const byteCount = patternBytes(parts);
    if (byteCount === 0) throw new ValueProblem('the pattern is empty', examples);
    if (byteCount > patternBytesMax) {
      throw new ValueProblem(
        `the pattern has ${byteCount} bytes`,
        `use at most ${patternBytesMax}, which is fio's limit too`,
      );
    }
    return parts;
  });
  return (value) => read(value, { kbBase: 1024 });
}

export function patternBytes(parts: readonly PatternPart[]): number {
  return parts.reduce((sum, part) => sum + (part.kind === 'offset' ? 8 : part.bytes.length), 0);
}

function partAt(value: string, at: number): { readonly part: PatternPart; readonly end: number } {
  const rest = value.slice(at);
  if (rest.startsWith('%o')) return { part: { kind: 'offset' }, end: at + 2 };
  const quoted = /^"([^"]*)"/.exec(rest);
  if (quoted !== null) {
    return {
      part: { kind: 'bytes', bytes: [...Buffer.from(quoted[1]!)] },
      end: at + quoted[0].length,
    };
  }
  const hex = /^0x([0-9a-f]+)/i.exec(rest);
  if (hex !== null) {
    const digits = hex[1]!.length % 2 === 0 ? hex[1]! : `0${hex[1]!}`;
    return {
      part: { kind: 'bytes', bytes: [...Buffer.from(digits, 'hex')] },
      end: at + hex[0].length,
    };
  }
  // The 0 of a following 0x is not part of a decimal number.
  const decimal = /^-?\d+?(?=0x|\D|$)/i.exec(rest);
  if (decimal === null) throw new ValueProblem(`"${rest}" is no pattern`, examples);
  const number = Number(decimal[0]);
  if (number < -(2 ** 31) || number >= 2 ** 32) {
    throw new ValueProblem(
      `${decimal[0]} does not fit into 32 bits`,
      'write it in hexadecimal digits',
    );
  }
  return { part: { kind: 'bytes', bytes: wordBytes(number) }, end: at + decimal[0].length };
}

/** Little-endian, as many bytes as the number needs. */
function wordBytes(number: number): readonly number[] {
  const word = Buffer.alloc(4);
  word.writeUInt32LE(number >>> 0);
  const used = 4 - Math.min(3, Math.clz32(number >>> 0) >>> 3);
  return [...word.subarray(0, used)];
}
