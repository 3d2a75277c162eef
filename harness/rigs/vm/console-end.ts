import * as fs from 'node:fs';
import { guestCacheFolder } from './guest-image.ts';

/** What says why a guest is gone: the kernel's last word, or that of the first program. */
const tellingLine = /Kernel panic - |Out of memory: |powercut: the guest cannot start/;
const tellingLinesMax = 3;
const linesMax = 12;

export interface GuestEnd {
  /** As in `was killed`. */
  readonly what: string;
  readonly consoleFile: string;
  /** What QEMU said. */
  readonly errors: string;
  /** Whether its steward had said a word. */
  readonly hasStarted: boolean;
}

/** For people: what became of a guest, why as far as is known, and what to do. */
export function describeEnd({ what, consoleFile, errors, hasStarted }: GuestEnd): string {
  const said = [errors, endOfConsole(consoleFile)].filter(Boolean).join('\n') || '(nothing)';
  const advice = hasStarted
    ? ''
    : `; if it never starts, remove ${guestCacheFolder()}, and it is built anew`;
  return `the guest ${what}; ${consoleFile} says: ${said}${advice}`;
}

/** The lines of a guest's console that tell most about its end; empty where it said nothing. */
export function endOfConsole(file: string): string {
  const lines = latestLines(file);
  const telling = lines.filter((line) => tellingLine.test(line));
  return (telling.length > 0 ? telling.slice(-tellingLinesMax) : lines.slice(-linesMax)).join('\n');
}

/** A console is appended to: what a boot before the last one said is not the reason. */
const consoleLinesMax = 200;

/** The last lines of a guest's console; none where it said nothing. */
export function latestLines(file: string): readonly string[] {
  if (!fs.existsSync(file)) return [];
  const text = fs.readFileSync(file, 'utf8').trimEnd();
  return text === '' ? [] : text.split(/\r?\n/).slice(-consoleLinesMax);
}
