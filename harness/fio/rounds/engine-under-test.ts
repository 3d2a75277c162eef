import type { EngineFacts, EngineSession } from '../../contract/index.ts';
import {
  engineLevel,
  type DriveLevel,
  type EngineLevel,
  type NotReported,
} from '../../measure/write-levels/write-levels.ts';
import type { SimulatedFlash } from '../../measure/write-levels/simulated-flash.ts';
import type { JobResult } from '../data-plane/job-result.ts';
import { runEngineJobs } from '../data-plane/run-engine-jobs.ts';
import type { RunEngineJobOptions } from '../data-plane/run-engine-job.ts';
import type { FioJob } from '../job.ts';

/** An engine that jobs of `ioengine=powercut` run on. */
export interface EngineUnderTest {
  readonly name: string;
  /** On what, in words: `a simulated drive of 64 MiB`, `./scratch.img`. */
  readonly medium: string;
  /** Files or devices that it lies on, for the counters of their disks; none for a simulated drive. */
  readonly paths: readonly string[];
  /** Time on a simulated drive is virtual: nothing that was timed is a figure of performance. */
  readonly isSimulated: boolean;
  /** Open for one run of a job file. Disposal abandons it. */
  open(seed: number): Promise<OpenEngine>;
}

export interface OpenEngine extends AsyncDisposable {
  readonly session: EngineSession;
  /** What a simulated drive received since it was opened; absent for others. */
  simulated?(): SimulatedLevels;
}

export interface SimulatedLevels {
  readonly drives: readonly DriveLevel[];
  readonly flash: SimulatedFlash | undefined;
}

/** What a run on an engine came to. */
export interface EngineRun {
  readonly results: readonly JobResult[];
  readonly level: EngineLevel;
  readonly facts: EngineFacts;
  readonly simulated: SimulatedLevels | undefined;
}

/**
 * Runs jobs on an engine and closes it, so that what it had put off is counted as well. `onOpen` is
 * called between the opening, which may recover, and what is counted.
 */
export async function runOnEngine(
  engine: EngineUnderTest,
  jobs: readonly FioJob[],
  options: RunEngineJobOptions & { readonly seed: number; onOpen(): Promise<void> },
): Promise<EngineRun> {
  await using open = await engine.open(options.seed);
  const { session } = open;
  const facts = session.facts?.() ?? {};
  await options.onOpen();
  const opened = session.counters();
  const results = await runEngineJobs(jobs, session, options);
  const ended = session.counters();
  const closed = await closedCounters(session);
  return {
    results,
    level: engineLevel(opened, ended, closed),
    facts,
    simulated: open.simulated?.(),
  };
}

/** An engine that operations failed on may refuse to close; then that is all that is known. */
async function closedCounters(
  session: EngineSession,
): Promise<ReturnType<EngineSession['counters']> | NotReported> {
  try {
    await session.close();
    return session.counters();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { notReported: `the engine did not close: ${why}` };
  }
}
