/**
 * Runs fio jobs: each on a thread of its own, those of one phase together, and answers what they did.
 */
import { HarnessError } from '../../contract/index.ts';
import type { GuardOptions } from '../../device/guard-rules.ts';
import { loadSystemCalls } from '../../sys/libc.ts';
import { loadTransferCalls } from '../../sys/transfer-calls.ts';
import type { FioJob } from '../job.ts';
import { DeviceClaims } from './device-claims.ts';
import { disksUnder, readDiskCounters } from './disk-counters.ts';
import { engineUse } from './engine-use.ts';
import { refuseMissingProcessors } from './job-processors.ts';
import type { JobResult } from './job-result.ts';
import { openTargets, type TargetAccess } from './open-targets.ts';
import type { RingTuning } from './ring-driver.ts';
import { startDelay } from './start-delay.ts';
import { ThreadedJob, type JobProgress } from './threaded-job.ts';

export interface RunJobOptions {
  /** Of the sequence of operations, of what is written and of arrival times; 0 unless given. */
  readonly seed?: number;
  readonly tuning?: RingTuning;
  /** For block devices that are written to; the guard's own rules unless given. */
  readonly guard?: GuardOptions;
  /** Stops every job: what is in flight is waited for, and the figures up to then are answered. */
  readonly signal?: AbortSignal;
  /** Called several times a second for every job that runs. */
  onProgress?(progress: JobProgress, job: FioJob): void;
}

const progressEveryMs = 200;

export async function runJob(job: FioJob, options: RunJobOptions = {}): Promise<JobResult> {
  const [result] = await runJobs([job], options);
  return result!;
}

/**
 * Runs all jobs of a file, phase by phase; the results are in the order of the jobs. An operation that
 * fails ends its job and is in its result. Throws HarnessError where a job cannot be run at all: before
 * anything has been written, unless that shows only while its files are made.
 */
export async function runJobs(
  jobs: readonly FioJob[],
  options: RunJobOptions = {},
): Promise<readonly JobResult[]> {
  const answer = await loadSystemCalls();
  if (!answer.available) {
    throw new HarnessError('UNAVAILABLE', `no fio job can be run: ${answer.reason}`);
  }
  refuseMissingProcessors(jobs);
  await using claims = new DeviceClaims(options.guard ?? {});
  const access: TargetAccess = {
    calls: answer.calls,
    transfers: await loadTransferCalls(),
    claims,
    signal: options.signal,
  };
  const results = new Map<FioJob, JobResult>();
  const phases = [...new Set(jobs.map(({ phase }) => phase))].sort((one, other) => one - other);
  for (const phase of phases) {
    const together = jobs.filter((job) => job.phase === phase);
    for (const [job, result] of await runTogether(together, access, options)) {
      results.set(job, result);
    }
  }
  return jobs.map((job) => results.get(job)!);
}

/** Jobs that wait for others of the phase begin when those have ended. */
async function runTogether(
  jobs: readonly FioJob[],
  access: TargetAccess,
  options: RunJobOptions,
): Promise<ReadonlyMap<FioJob, JobResult>> {
  const results = new Map<FioJob, JobResult>();
  let left = jobs;
  while (left.length > 0) {
    const names = new Set(left.map(({ name }) => name));
    const next = left.filter(({ waitsFor }) => waitsFor === null || !names.has(waitsFor));
    if (next.length === 0) {
      throw new HarnessError('CONFIG_INVALID', 'jobs wait for each other; take out a wait_for');
    }
    for (const [job, result] of await runGroup(next, access, options)) results.set(job, result);
    left = left.filter((job) => !next.includes(job));
  }
  return results;
}

async function runGroup(
  jobs: readonly FioJob[],
  access: TargetAccess,
  options: RunJobOptions,
): Promise<readonly (readonly [FioJob, JobResult])[]> {
  const prepared: PreparedJob[] = [];
  const stopAll = (): void => {
    for (const job of prepared) job.stop();
  };
  options.signal?.addEventListener('abort', stopAll);
  try {
    // One after the other: clones may share a file that has to be laid out first.
    for (const job of jobs) prepared.push(await PreparedJob.prepare(job, access, options));
    await Promise.all(prepared.map(({ isReady }) => isReady));
    const ends = prepared.map((job) =>
      job.run().catch((error: unknown) => {
        stopAll();
        throw error;
      }),
    );
    await Promise.allSettled(ends);
    const results = await Promise.all(ends);
    return results.map((result) => [result.job, result] as const);
  } finally {
    options.signal?.removeEventListener('abort', stopAll);
    for (const job of prepared) await job.end();
  }
}

/** A job with its files open and its thread waiting. */
class PreparedJob {
  readonly #job: FioJob;
  readonly #seed: number;
  readonly #options: RunJobOptions;
  readonly #targets: Awaited<ReturnType<typeof openTargets>>;
  readonly #thread: ThreadedJob;

  static async prepare(
    job: FioJob,
    access: TargetAccess,
    options: RunJobOptions,
  ): Promise<PreparedJob> {
    return new PreparedJob(job, await openTargets(job, access), options);
  }

  private constructor(
    job: FioJob,
    targets: Awaited<ReturnType<typeof openTargets>>,
    options: RunJobOptions,
  ) {
    this.#job = job;
    this.#targets = targets;
    this.#options = options;
    this.#seed = options.seed ?? 0;
    this.#thread = new ThreadedJob({
      job,
      seed: this.#seed,
      tuning: options.tuning ?? {},
      fds: targets.fds,
      isBlockDevice: targets.uses.map(({ kind }) => kind === 'block-device'),
    });
    if (options.signal?.aborted === true) this.stop();
  }

  get isReady(): Promise<void> {
    return this.#thread.isReady;
  }

  stop(): void {
    this.#thread.stop();
  }

  async run(): Promise<JobResult> {
    await startDelay(this.#job, this.#seed, this.#options.signal);
    const disks = disksUnder(this.#targets.uses.map(({ path }) => path));
    const before = disks.map(readDiskCounters);
    const outcome = await this.#whileTelling(this.#thread.run());
    return {
      job: this.#job,
      seed: this.#seed,
      engine: engineUse(this.#job),
      targets: this.#targets.uses,
      disks: disks.map((name, index) => ({
        name,
        before: before[index]!,
        after: readDiskCounters(name),
      })),
      ...outcome,
    };
  }

  /** Ends the thread before its files are closed. */
  async end(): Promise<void> {
    await this.#thread.end();
    this.#targets[Symbol.dispose]();
  }

  async #whileTelling<Result>(work: Promise<Result>): Promise<Result> {
    if (this.#options.onProgress === undefined) return work;
    const timer = setInterval(() => {
      this.#options.onProgress?.(this.#thread.progress, this.#job);
    }, progressEveryMs);
    try {
      return await work;
    } finally {
      clearInterval(timer);
    }
  }
}
