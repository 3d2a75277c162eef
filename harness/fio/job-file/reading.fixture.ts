import { nearestName } from '../../cli/nearest-name.ts';
import type { FioJob } from '../job.ts';
import { readJobFile, requireJobs, type JobFile, type ReadingContext } from './read-job-file.ts';

/** A machine on which nothing exists and everything fits. */
export function contextWith(changes: Partial<ReadingContext> = {}): ReadingContext {
  return {
    environment: {},
    machine: { pageBytes: 4096, cpuCount: 2, memoryMebibytes: 1024 },
    readInclude: () => undefined,
    factsOf: () => undefined,
    lbaBytes: 512,
    nearestName,
    ...changes,
  };
}

export function read(text: string, changes: Partial<ReadingContext> = {}): JobFile {
  return readJobFile(text, 'job.fio', contextWith(changes));
}

/** The jobs of a file that has no errors. */
export function jobsOf(text: string, changes: Partial<ReadingContext> = {}): readonly FioJob[] {
  return requireJobs(text, 'job.fio', contextWith(changes)).jobs;
}

/** A job of these options: `jobWith('rw=write', 'size=40k')`. */
export function jobWith(...options: readonly string[]): FioJob {
  return jobsOf(['[a]', 'filename=data', ...options].join('\n'))[0]!;
}
