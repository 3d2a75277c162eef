import { latestLines } from './console-end.ts';

export interface KilledProcess {
  readonly signal: string | null;
  /** What it wrote to its standard error. */
  readonly errors: string;
  /** Of the guest that it ran in. */
  readonly consoleFile: string;
  readonly memoryMiB: number;
}

/** Why a process of a guest came to its end by a signal that nobody here had sent. */
export interface KillReason {
  /** For people, as in `the process was ended by SIGSEGV: …`. */
  readonly text: string;
  readonly isOutOfMemory: boolean;
}

/** As the kernel has it: `node invoked oom-killer`, `Out of memory: Killed process 146 (node)`. */
const memoryLine = /out of memory|oom-kill/i;
/** What the kernel of x86 says of a process that it ends for what it did (arch/x86/kernel/traps.c, mm/fault.c). */
const crashLine = /segfault at|traps: |general protection/;

/** Looks up what the kernel of the guest said of it: a process that is killed says nothing itself. */
export function explainKill({ signal, errors, consoleFile, memoryMiB }: KilledProcess): KillReason {
  const said = latestLines(consoleFile);
  const isOutOfMemory = said.some((line) => memoryLine.test(line));
  const why = isOutOfMemory
    ? `the guest ran out of its ${memoryMiB} MiB of memory; give the scenario smaller devices or fewer operations`
    : (said.findLast((line) => crashLine.test(line)) ?? lastLineOf(errors));
  return { text: `was ended by ${String(signal)}: ${why}`, isOutOfMemory };
}

function lastLineOf(errors: string): string {
  const text = errors.trim();
  return text === '' ? 'it said nothing' : text.slice(text.lastIndexOf('\n') + 1);
}
