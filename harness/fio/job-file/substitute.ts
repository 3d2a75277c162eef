import { evaluate } from './expression.ts';
import { ValueProblem } from './problem.ts';

/** What `$pagesize`, `$ncpus` and `$mb_memory` stand for. */
export interface MachineNumbers {
  readonly pageBytes: number;
  readonly cpuCount: number;
  /** MiB of memory in all. */
  readonly memoryMebibytes: number;
}

export interface Substitutions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly machine: MachineNumbers;
  /** Called for a variable that is not set: fio puts nothing in its place, and so do we. */
  onUnset(name: string): void;
}

/** Puts environment variables (`${SIZE}`) and fio's keywords (`2*$mb_memory`) into a value. */
export function substitute(value: string, substitutions: Substitutions): string {
  const { environment, machine } = substitutions;
  const expanded = value.replace(/\$\{([^}]*)\}/g, (_, name: string) => {
    const found = environment[name];
    if (found === undefined) substitutions.onUnset(name);
    return found ?? '';
  });
  const keywords: readonly (readonly [string, number])[] = [
    ['$pagesize', machine.pageBytes],
    ['$mb_memory', machine.memoryMebibytes],
    ['$ncpus', machine.cpuCount],
  ];
  if (!keywords.some(([keyword]) => expanded.includes(keyword))) return expanded;
  const numbers = keywords.reduce(
    (text, [keyword, number]) => text.replaceAll(keyword, String(number)),
    expanded,
  );
  return calculated(numbers, value);
}

/** fio hands a value with a keyword to a calculator as a whole, so it must be arithmetic as a whole. */
function calculated(text: string, original: string): string {
  try {
    return String(evaluate(text, decimalAt));
  } catch (error) {
    if (!(error instanceof ValueProblem)) throw error;
    throw new ValueProblem(
      `"${original}" is no arithmetic once its keywords are replaced (${text})`,
      'a value with $pagesize, $ncpus or $mb_memory must be plain arithmetic, such as 2*$ncpus',
    );
  }
}

function decimalAt(text: string, at: number): { readonly value: number; readonly end: number } {
  const digits = /^\d+/.exec(text.slice(at))![0];
  return { value: Number(digits), end: at + digits.length };
}
