import type { Worker } from 'node:worker_threads';
import { HarnessError } from '../../contract/index.ts';
import { progressWords } from './job-meter.ts';
import type { JobOutcome } from './job-run.ts';
import { jobState } from './run-window.ts';
import { startThread } from './start-thread.ts';
import type { ThreadMessage, ThreadOrder } from './thread-messages.ts';

/** How far a job is. */
export interface JobProgress {
  readonly ops: number;
  readonly bytes: number;
  readonly errors: number;
}

/** A job on a thread of its own, prepared, then started, and stopped if need be. */
export class ThreadedJob {
  readonly #control = new Int32Array(new SharedArrayBuffer(4));
  readonly #progress = new Float64Array(new SharedArrayBuffer(3 * 8));
  readonly #worker: Worker;
  readonly #isReady: Promise<void>;
  readonly #outcome: Promise<JobOutcome>;

  constructor(order: Omit<ThreadOrder, 'control' | 'progress'>) {
    this.#worker = startThread(new URL('job-thread', import.meta.url), {
      ...order,
      control: this.#control,
      progress: this.#progress,
    } satisfies ThreadOrder);
    const told = settledByMessages(this.#worker, order.job.name);
    this.#isReady = told.isReady;
    this.#outcome = told.outcome;
  }

  /** Resolves when only the word to start is missing. */
  get isReady(): Promise<void> {
    return this.#isReady;
  }

  get progress(): JobProgress {
    return {
      ops: this.#progress[progressWords.ops]!,
      bytes: this.#progress[progressWords.bytes]!,
      errors: this.#progress[progressWords.errors]!,
    };
  }

  async run(): Promise<JobOutcome> {
    // Unless it has been told to stop before it began.
    Atomics.compareExchange(this.#control, 0, jobState.waiting, jobState.running);
    Atomics.notify(this.#control, 0);
    return this.#outcome;
  }

  /** No more operations are issued; those in flight are waited for. */
  stop(): void {
    Atomics.store(this.#control, 0, jobState.stopping);
    Atomics.notify(this.#control, 0);
  }

  /** The thread must have ended, or have been told to stop. */
  async end(): Promise<void> {
    this.stop();
    await this.#outcome.catch(() => undefined);
    await this.#worker.terminate();
  }
}

function settledByMessages(
  worker: Worker,
  name: string,
): { readonly isReady: Promise<void>; readonly outcome: Promise<JobOutcome> } {
  const outcome = new Promise<JobOutcome>((resolve, reject) => {
    worker.on('message', (message: ThreadMessage) => {
      if (message.type === 'done') resolve(message.outcome);
      if (message.type !== 'failed') return;
      const { code, message: text } = message;
      reject(code === undefined ? new Error(text) : new HarnessError(code, text));
    });
    worker.on('error', reject);
    worker.on('exit', (code) => {
      reject(new Error(`the thread of the job ${name} ended with code ${code}`));
    });
  });
  const isReady = new Promise<void>((resolve, reject) => {
    worker.on('message', (message: ThreadMessage) => {
      if (message.type === 'ready') resolve();
    });
    outcome.catch(reject);
  });
  isReady.catch(() => undefined);
  return { isReady, outcome };
}
