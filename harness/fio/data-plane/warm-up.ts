import * as fs from 'node:fs';
import type { SystemCalls } from '../../sys/libc.ts';
import { systemCallError } from '../../sys/system-call-error.ts';
import type { TransferCalls } from '../../sys/transfer-calls.ts';
import { directionsOf, type FioJob } from '../job.ts';
import { JobRun } from './job-run.ts';
import { makeDriver, type DriverOrder } from './make-driver.ts';
import { jobState } from './run-window.ts';
import { readThreadUsage } from './thread-usage.ts';

/**
 * Each of two rehearsals takes so long: the loop is compiled after a third of it, and the series of
 * rates, with the report that goes with it, has begun its second bucket.
 */
const rehearsalNs = 150e6;
const loops = 2 ** 30;
/** The file in memory becomes no larger: a job may have many clones. */
const fileBytesMax = 2 ** 26;
const closeOnExec = 1;
/**
 * The scheduler's account of how busy a thread is halves every 32 ms (kernel/sched/pelt.c); one that
 * looks busy is not moved to the processor that its drive interrupts (ADR 0022).
 */
const restMs = 200;
const seed = 0;

/**
 * Before the clock of the job starts, runs it for a moment where there is nothing to wait for: the
 * first thousands of operations of a program that is not compiled yet take several times as long, and
 * are no property of the target. It is run as it will be, by the same code, with options and objects
 * of the same shapes: V8 throws away what it has compiled at the first object of another shape, and
 * the job is slow until it has compiled the loop again, for some 200 ms at 10,000 operations a second.
 */
export async function warmUp(
  order: DriverOrder,
  calls: SystemCalls,
  transfers: TransferCalls,
): Promise<void> {
  const fd = openStage(order.job, calls);
  try {
    if (needsFile(order.job)) fs.ftruncateSync(fd, largestFileOf(order.job));
    const fds = order.fds.map(() => fd);
    const isBlockDevice = order.isBlockDevice.map(() => false);
    // The workers stay: a job that needs one would find others that have last run elsewhere.
    const tuning = { ...order.tuning, workersMax: 1 };
    const onStage = { ...order, fds, isBlockDevice, tuning };
    const waiting = { ...onStage, tuning: { ...tuning, usesWorkers: true } };
    await rehearse(waiting, calls, transfers);
    await rehearse(onStage, calls, transfers);
  } finally {
    fs.closeSync(fd);
  }
  rest();
}

function rest(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, restMs);
}

/** A ring reads and writes /dev/zero at once, and a file in memory, which can be synced, by a worker. */
function openStage(job: FioJob, calls: SystemCalls): number {
  if (!needsFile(job)) return fs.openSync('/dev/zero', 'r+');
  const fd = calls.memfdCreate('powercut-warm-up', closeOnExec);
  if (fd < 0) throw systemCallError('memfd_create', calls.errno());
  return fd;
}

function needsFile({ pattern, durability }: FioJob): boolean {
  const { fsyncEvery, fdatasyncEvery } = durability;
  return directionsOf(pattern.access).includes('trim') || fsyncEvery > 0 || fdatasyncEvery > 0;
}

async function rehearse(
  order: DriverOrder,
  calls: SystemCalls,
  transfers: TransferCalls,
): Promise<void> {
  const job = rehearsalOf(order.job);
  using driver = makeDriver({ ...order, job }, calls, transfers);
  const control = new Int32Array(new SharedArrayBuffer(4)).fill(jobState.running);
  const progress = new Float64Array(new SharedArrayBuffer(3 * 8));
  const run = new JobRun({ job, seed, control, progress }, driver, () =>
    readThreadUsage(transfers),
  );
  const { errors } = await run.perform();
  if (errors.first !== undefined) throw new Error(`the rehearsal failed: ${errors.first.errno}`);
}

/** The same job without what makes it wait, ends it early or reads it back. */
function rehearsalOf(job: FioJob): FioJob {
  const { extent, pace, durability, verify, report } = job;
  const unlimited = { read: null, write: null, trim: null };
  return {
    ...job,
    extent: {
      ...extent,
      loops,
      // Of each loop, in which it is less than one.
      opsMax: needsFile(job) ? fileBytesMax / largestBlockOf(job) / loops : null,
      runtimeNs: rehearsalNs,
      rampNs: 0,
    },
    pace: {
      ...pace,
      bytesPerSecond: unlimited,
      opsPerSecond: unlimited,
      latencyMaxNs: unlimited,
      thinkNs: 0,
    },
    durability: { ...durability, isSyncedAtEnd: false, isSyncedOnClose: false },
    verify: { ...verify, isReadBack: false, isReadBackOnly: false, isFatal: false },
    report: { ...report, steady: null },
  };
}

function largestFileOf({ extent }: FioJob): number {
  return Math.max(...extent.files.map(({ fileBytes }) => fileBytes));
}

function largestBlockOf({ pattern: { access, blocks } }: FioJob): number {
  return Math.max(...directionsOf(access).map((direction) => blocks[direction].maxBytes));
}
