import { HarnessError, type EngineSession } from '../../contract/index.ts';
import type { FioJob } from '../job.ts';
import type { JobResult } from './job-result.ts';
import { refuseMisfit, runEngineJob, type RunEngineJobOptions } from './run-engine-job.ts';

/**
 * Runs the jobs of a file on the volume of an open engine, one after the other, and reads the engine's
 * counters around each. Throws CONFIG_INVALID where a job asks for what the engine cannot do, before
 * anything has been written.
 */
export async function runEngineJobs(
  jobs: readonly FioJob[],
  session: EngineSession,
  options: RunEngineJobOptions = {},
): Promise<readonly JobResult[]> {
  refuseOtherEngines(jobs);
  refuseJobsTogether(jobs);
  for (const job of jobs) refuseMisfit(job, session);
  const results: JobResult[] = [];
  for (const job of [...jobs].sort((one, other) => one.phase - other.phase)) {
    const before = session.counters();
    const result = await runEngineJob(job, session, options);
    results.push({ ...result, engineCounters: { before, after: session.counters() } });
  }
  return results;
}

function refuseOtherEngines(jobs: readonly FioJob[]): void {
  const other = jobs.find(({ engine }) => engine.name !== 'powercut');
  if (other === undefined) return;
  throw refusal(
    other,
    `ioengine: the job "${other.name}" has ${other.engine.name}, and an engine under test was given`,
    'write ioengine=powercut, or add --set ioengine=powercut',
  );
}

/** Counters and processor time are of the whole process: two jobs at once could not be told apart. */
function refuseJobsTogether(jobs: readonly FioJob[]): void {
  const second = jobs.find((job, at) => jobs.slice(0, at).some(({ phase }) => phase === job.phase));
  if (second === undefined) return;
  const what =
    second.clone > 0
      ? `numjobs: ${second.cloneCount} clones of "${second.name}" would run at once`
      : `the job "${second.name}" would run together with the one before it`;
  throw refusal(
    second,
    `${what}, and an engine takes one job at a time`,
    'use iodepth for more operations at once, or stonewall for one job after the other',
  );
}

function refusal({ source }: FioJob, message: string, fix: string): HarnessError {
  return new HarnessError('CONFIG_INVALID', `${source.file}:${source.line}: ${message}; ${fix}`);
}
