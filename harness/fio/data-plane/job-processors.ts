import * as fs from 'node:fs';
import { HarnessError } from '../../contract/index.ts';
import type { SystemCalls } from '../../sys/libc.ts';
import { systemCallError } from '../../sys/system-call-error.ts';
import type { FioJob } from '../job.ts';

/** Throws CONFIG_INVALID where a job is to run on a processor that this process may not use. */
export function refuseMissingProcessors(jobs: readonly FioJob[]): void {
  for (const { processors, source } of jobs) {
    const missing = processors?.find((processor) => !usableProcessors().includes(processor));
    if (missing === undefined) continue;
    throw new HarnessError(
      'CONFIG_INVALID',
      `${source.file}:${source.line}: cpus_allowed: processor ${missing} is not one that this process ` +
        `may use (${usableProcessors().join(',')}); name one of those`,
    );
  }
}

/** Of this process, which a container or taskset(1) may have limited. */
export function usableProcessors(): readonly number[] {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '0';
  return list.split(',').flatMap((part) => {
    const [first, last] = part.split('-').map(Number);
    return Array.from({ length: (last ?? first!) - first! + 1 }, (_, index) => first! + index);
  });
}

/** From now on the calling thread runs on these only. */
export function runOnProcessors(calls: SystemCalls, processors: readonly number[]): void {
  const mask = new Uint8Array(Math.ceil((Math.max(...processors) + 1) / 64) * 8);
  for (const processor of processors) mask[processor >>> 3]! |= 1 << (processor & 7);
  if (calls.schedSetaffinity(0, mask.length, mask) === 0) return;
  throw systemCallError(`sched_setaffinity to ${processors.join(',')}`, calls.errno());
}
