/**
 * Waits for completions with the thread itself, for moments. A wake-up through the bell crosses two
 * threads; and looking at the ring again and again instead takes the processor that the kernel's own
 * worker needs to finish a durable write (measured: stalls of 4 ms, a tick of the scheduler).
 *
 * All rings of a thread are waited for together, and with them the event loop's own descriptor: as
 * soon as a socket, a pipe or the thread pool has something to do, the wait ends. Only timers and
 * immediates can be late, by one slice at most.
 */
import type { SystemCalls } from './libc.ts';

/** Longest single wait: timers of Node have a resolution of 1 ms. */
const sliceNs = 1_000_000n;
const pollIn = 1;
const noDescriptor = -1;

export class ReadyWait implements Disposable {
  static #shared: ReadyWait | undefined;

  readonly #calls: SystemCalls;
  readonly #slice = BigInt64Array.of(0n, sliceNs);
  readonly #ringFds = new Set<number>();
  /** Pairs of words as ppoll(2) takes them: the descriptor, then the events. */
  #descriptors = new Int32Array(0);
  #holders = 0;

  /** The wait of this thread; dispose of it when the ring is closed. */
  static acquire(calls: SystemCalls): ReadyWait {
    const wait = (ReadyWait.#shared ??= new ReadyWait(calls));
    wait.#holders++;
    return wait;
  }

  private constructor(calls: SystemCalls) {
    this.#calls = calls;
  }

  add(ringFd: number): void {
    this.#ringFds.add(ringFd);
    this.#describe();
  }

  remove(ringFd: number): void {
    this.#ringFds.delete(ringFd);
    this.#describe();
  }

  /** Returns when a ring has completions, the event loop has work, or the slice is over. */
  block(): void {
    // Interrupted or timed out is the same as ready: the caller looks at its ring in any case.
    this.#calls.ppoll(this.#descriptors, this.#descriptors.length / 2, this.#slice);
  }

  [Symbol.dispose](): void {
    this.#holders--;
    if (this.#holders === 0) ReadyWait.#shared = undefined;
  }

  #describe(): void {
    const fds = [...this.#ringFds, this.#calls.eventLoopFd() ?? noDescriptor];
    this.#descriptors = Int32Array.from(fds.flatMap((fd) => [fd, pollIn]));
  }
}
