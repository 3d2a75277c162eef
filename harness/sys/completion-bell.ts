/**
 * Wakes the event loop when a completion is posted while nobody is polling. All rings of a thread
 * share one eventfd, and one read of it waits in the thread pool of Node, so that at most one pool
 * thread is ever taken, however many devices are open. The counter of the eventfd keeps what rang
 * while nobody listened: a wake-up can be superfluous but never lost.
 */
import * as fs from 'node:fs';
import { systemCallError } from './system-call-error.ts';
import type { SystemCalls } from './libc.ts';

const eventfdCloseOnExec = 0o2000000;

export class CompletionBell implements Disposable {
  static #shared: CompletionBell | undefined;

  readonly fd: number;
  readonly #counter = new BigUint64Array(1);
  readonly #sleepers = new Set<() => void>();
  #holders = 0;
  #isListening = false;

  /** The bell of this thread; dispose of it when the ring is closed. */
  static acquire(calls: SystemCalls): CompletionBell {
    const bell = (CompletionBell.#shared ??= new CompletionBell(calls));
    bell.#holders++;
    return bell;
  }

  private constructor(calls: SystemCalls) {
    this.fd = calls.eventfd(0, eventfdCloseOnExec);
    if (this.fd < 0) throw systemCallError('eventfd', calls.errno());
    process.on('exit', this.#release);
  }

  /** Calls `wake` once, after the bell has rung (or a little early). */
  sleep(wake: () => void): void {
    this.#sleepers.add(wake);
    this.#listen();
  }

  [Symbol.dispose](): void {
    this.#holders--;
    if (this.#holders > 0) return;
    CompletionBell.#shared = undefined;
    process.off('exit', this.#release);
    if (this.#isListening) this.#release();
    else fs.closeSync(this.fd);
  }

  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    fs.read(this.fd, this.#counter, 0, 8, null, () => {
      this.#isListening = false;
      if (this.#holders === 0) fs.closeSync(this.fd);
      this.#wakeAll();
    });
  }

  #wakeAll(): void {
    const sleepers = [...this.#sleepers];
    this.#sleepers.clear();
    for (const wake of sleepers) wake();
  }

  /** Node joins its pool threads on exit, so one that waits for the bell must be let go. */
  readonly #release = (): void => {
    fs.writeSync(this.fd, new BigUint64Array([1n]));
  };
}
