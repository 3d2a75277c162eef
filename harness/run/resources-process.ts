import * as fs from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { HarnessError } from '../contract/index.ts';

/** One process of this machine, and no later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, as the kernel counts it. Empty where the machine has no /proc. */
  readonly startTicks: string;
}

export function identityOf(pid: number): ProcessIdentity {
  return { pid, startTicks: readStat(pid)?.startTicks ?? '' };
}

/** How long a killed process may take to be gone: it may still have requests in the kernel. */
const goneWithinMs = 10_000;

/** Without a start time (no /proc) nobody can say whose process has the number now: it is left alone. */
export async function killProcess({ pid, startTicks }: ProcessIdentity): Promise<void> {
  if (startTicks === '') {
    throw new HarnessError('UNAVAILABLE', `process ${pid} cannot be told from a later one`);
  }
  if (!isAlive({ pid, startTicks })) return;
  process.kill(pid, 'SIGKILL');
  for (let waitedMs = 0; isAlive({ pid, startTicks }); waitedMs += 10) {
    if (waitedMs > goneWithinMs) {
      throw new HarnessError('UNAVAILABLE', `process ${pid} was killed and does not end`);
    }
    await setTimeout(10);
  }
}

/** A process that is over and only waits for its parent to notice (state Z) is not alive. */
function isAlive({ pid, startTicks }: ProcessIdentity): boolean {
  const found = readStat(pid);
  return found?.startTicks === startTicks && found.state !== 'Z';
}

/** Says yes in case of doubt. */
export function mayBeAlive({ pid, startTicks }: ProcessIdentity): boolean {
  if (startTicks !== '') return isAlive({ pid, startTicks });
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Fields 3 and 22 of /proc/PID/stat (proc(5)); undefined where there is no such file. */
function readStat(pid: number): { state: string; startTicks: string } | undefined {
  let stat: string;
  try {
    stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The command name, field 2, is in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', startTicks: fields[19] ?? '' };
}
