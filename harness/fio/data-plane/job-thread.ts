/**
 * The thread that runs one job: everything is prepared, it says so, waits for the word to start, and
 * then does nothing but the job. It talks to the thread that started it before and afterwards only;
 * meanwhile there is a word to stop it, and three numbers that say how far it is.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { HarnessError } from '../../contract/index.ts';
import { loadSystemCalls } from '../../sys/libc.ts';
import { loadTransferCalls } from '../../sys/transfer-calls.ts';
import { JobRun, type JobOutcome } from './job-run.ts';
import { runOnProcessors } from './job-processors.ts';
import { makeDriver } from './make-driver.ts';
import { jobState } from './run-window.ts';
import type { ThreadMessage, ThreadOrder } from './thread-messages.ts';
import { readThreadUsage } from './thread-usage.ts';
import { warmUp } from './warm-up.ts';

const order = workerData as ThreadOrder;

try {
  // Told only once everything has been given back: whoever hears it ends this thread.
  tell({ type: 'done', outcome: await runOrder() });
} catch (error) {
  tell({
    type: 'failed',
    code: error instanceof HarnessError ? error.code : undefined,
    message: error instanceof HarnessError ? error.message : stackOf(error),
  });
}

async function runOrder(): Promise<JobOutcome> {
  const answer = await loadSystemCalls();
  if (!answer.available) {
    throw new HarnessError('UNAVAILABLE', `no job can be run: ${answer.reason}`);
  }
  const transfers = await loadTransferCalls();
  if (order.job.processors !== null) runOnProcessors(answer.calls, order.job.processors);
  await warmUp(order, answer.calls, transfers);
  using driver = makeDriver(order, answer.calls, transfers);
  const run = new JobRun(order, driver, () => readThreadUsage(transfers));
  tell({ type: 'ready' });
  Atomics.wait(order.control, 0, jobState.waiting);
  return await run.perform();
}

function tell(message: ThreadMessage): void {
  parentPort!.postMessage(message);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
