import * as fs from 'node:fs';
import type { SystemCalls } from '../../sys/libc.ts';
import type { TransferCalls } from '../../sys/transfer-calls.ts';
import type { FioJob } from '../job.ts';
import { JobMeter } from './job-meter.ts';
import { makeDriver, type DriverOrder } from './make-driver.ts';
import { PlanFeed } from './op-feed.ts';
import { Pacer } from './pacer.ts';
import { jobState, RunWindow } from './run-window.ts';
import { Contents } from './write-contents.ts';

/** Enough for the whole loop to be compiled, with what it does where it has to wait; some 40 ms. */
const waitingOps = 1000;
const promptOps = 40_000;
const opsPerLoop = 20;
const seed = 0;

/**
 * Runs the loop of the job against /dev/zero before its clock starts: the first thousands of operations
 * of a program that is not compiled yet take several times as long, and are no property of the target.
 */
export function warmUp(order: DriverOrder, calls: SystemCalls, transfers: TransferCalls): void {
  const { access } = order.job.pattern;
  if (access === 'trim' || access === 'trimwrite') return;
  const fd = fs.openSync('/dev/zero', 'r+');
  try {
    const fds = order.fds.map(() => fd);
    const waiting = { ...order.tuning, usesWorkers: true };
    rehearse({ ...order, fds, tuning: waiting }, waitingOps, calls, transfers);
    rehearse({ ...order, fds }, promptOps, calls, transfers);
  } finally {
    fs.closeSync(fd);
  }
}

function rehearse(
  order: DriverOrder,
  ops: number,
  calls: SystemCalls,
  transfers: TransferCalls,
): void {
  const job = rehearsalOf(order.job, ops);
  using driver = makeDriver({ ...order, job }, calls, transfers);
  const meter = new JobMeter(job, new Float64Array(3));
  meter.isSplit = driver.isSplit;
  const window = new RunWindow(job, Int32Array.of(jobState.running), meter, () => undefined);
  const feed = new PlanFeed(job, seed, undefined);
  window.begin(performance.now());
  driver.run({
    ...{ feed, meter, window, faults: undefined, knowsWrites: false, endsAtFault: false },
    contents: new Contents(job, seed),
    pacer: new Pacer(job, false),
  });
}

/** The same operations without what takes time, ends early or cannot be done to /dev/zero. */
function rehearsalOf(job: FioJob, ops: number): FioJob {
  const { extent, pace, durability } = job;
  return {
    ...job,
    extent: {
      ...extent,
      opsMax: opsPerLoop,
      loops: ops / opsPerLoop,
      isTimeBased: false,
      runtimeNs: null,
      rampNs: 0,
    },
    pace: {
      ...pace,
      bytesPerSecond: { read: null, write: null, trim: null },
      opsPerSecond: { read: null, write: null, trim: null },
      latencyMaxNs: { read: null, write: null, trim: null },
      thinkNs: 0,
    },
    durability: { ...durability, fsyncEvery: 0, fdatasyncEvery: 0 },
  };
}
