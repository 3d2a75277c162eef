import { HarnessError, type EngineSession } from '../../contract/index.ts';
import { directionsOf, type FioJob } from '../job.ts';
import { EngineLanes } from './engine-lanes.ts';
import { engineUse } from './engine-use.ts';
import { JobRun } from './job-run.ts';
import { progressWords } from './job-meter.ts';
import type { CpuUse, JobResult } from './job-result.ts';
import { jobState } from './run-window.ts';
import { startDelay } from './start-delay.ts';
import type { JobProgress } from './threaded-job.ts';

export interface RunEngineJobOptions {
  readonly seed?: number;
  readonly signal?: AbortSignal;
  onProgress?(progress: JobProgress, job: FioJob): void;
}

const progressEveryMs = 200;

/**
 * Runs a job of `ioengine=powercut` on the volume of an open engine, on this thread: offsets count from
 * the beginning of the volume. The session stays the caller's. Throws CONFIG_INVALID where the job asks
 * for what the engine cannot do, before anything has been written.
 */
export async function runEngineJob(
  job: FioJob,
  session: EngineSession,
  options: RunEngineJobOptions = {},
): Promise<JobResult> {
  refuseMisfit(job, session);
  const { seed = 0, signal } = options;
  const control = Int32Array.of(signal?.aborted === true ? jobState.stopping : jobState.running);
  const progress = new Float64Array(3);
  const { blocks } = job.pattern;
  const bufferBytes = Math.max(blocks.read.maxBytes, blocks.write.maxBytes);
  const lanes = new EngineLanes(session, job.queue.depth, bufferBytes);
  const run = new JobRun({ job, seed, control, progress }, lanes, readProcessUsage);
  const stop = (): void => {
    control[0] = jobState.stopping;
  };
  signal?.addEventListener('abort', stop);
  const timer = setInterval(() => {
    options.onProgress?.(progressOf(progress), job);
  }, progressEveryMs);
  try {
    await startDelay(job, seed, signal);
    const outcome = await run.perform();
    return { job, seed, engine: engineUse(job), targets: targetsOf(job), disks: [], ...outcome };
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', stop);
  }
}

/** Throws CONFIG_INVALID, with the line of the job, where it does not fit the engine's volume. */
export function refuseMisfit(job: FioJob, { space }: Pick<EngineSession, 'space'>): void {
  const { pattern, extent, processors } = job;
  const { blockBytes, blockCount } = space;
  for (const direction of directionsOf(pattern.access)) {
    if (direction === 'trim') throw misfit(job, 'trims', 'an engine has no trim; leave it out');
    const { minBytes, maxBytes, alignBytes } = pattern.blocks[direction];
    if ([minBytes, maxBytes, alignBytes].some((bytes) => bytes % blockBytes !== 0)) {
      throw misfit(job, `blocks of ${minBytes}`, `give bs as a multiple of ${blockBytes}`);
    }
  }
  if (processors !== null) {
    throw misfit(job, 'processors', 'an engine runs where the system puts it; leave them out');
  }
  // On top of each other, one would be found overwritten by the other.
  if (extent.files.length > 1) {
    throw misfit(
      job,
      `${extent.files.length} files`,
      'an engine has one volume; name one file, or leave nrfiles out',
    );
  }
  const volumeBytes = blockBytes * blockCount;
  for (const { byteOffset, byteCount } of extent.files) {
    const end = byteOffset + byteCount;
    if (byteOffset % blockBytes !== 0) {
      throw misfit(job, `offset ${byteOffset}`, `give a multiple of ${blockBytes}`);
    }
    if (end > volumeBytes) {
      throw misfit(job, `${end} bytes`, `the volume has ${volumeBytes}; give a smaller size`);
    }
  }
}

function misfit({ name, source }: FioJob, what: string, fix: string): HarnessError {
  return new HarnessError(
    'CONFIG_INVALID',
    `${source.file}:${source.line}: the job ${name} asks for ${what}: ${fix}`,
  );
}

function targetsOf({ extent }: FioJob): JobResult['targets'] {
  return extent.files.map(({ path, fileBytes }) => ({
    ...{ path, fileBytes, kind: 'volume', layout: 'none' },
    note: 'a region of the volume of the engine',
  }));
}

function progressOf(words: Float64Array): JobProgress {
  return {
    ops: words[progressWords.ops]!,
    bytes: words[progressWords.bytes]!,
    errors: words[progressWords.errors]!,
  };
}

/** Of the whole process: the engine's work is on no thread of its own. */
function readProcessUsage(): CpuUse {
  const usage = process.resourceUsage();
  return {
    userNs: usage.userCPUTime * 1e3,
    systemNs: usage.systemCPUTime * 1e3,
    ringWorkersNs: 0,
    voluntarySwitches: usage.voluntaryContextSwitches,
    involuntarySwitches: usage.involuntaryContextSwitches,
    majorFaults: usage.majorPageFault,
    minorFaults: usage.minorPageFault,
  };
}
