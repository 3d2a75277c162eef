import type { SystemCalls } from './libc.ts';

const pollIn = 1;
/** Nothing else would be told apart by the caller: reading says what is wrong with a descriptor. */
const anything = 0xffff;

/** Waits in ppoll(2) until one of a few descriptors can be read, is closed or has failed. */
export class ReadableWait {
  readonly #calls: SystemCalls;
  /** Pairs of words as ppoll(2) takes them: the descriptor, then the events and what came of them. */
  readonly #descriptors: Int32Array;
  readonly #timeout = BigInt64Array.of(0n, 0n);

  constructor(calls: SystemCalls, fds: readonly number[]) {
    this.#calls = calls;
    this.#descriptors = Int32Array.from(fds.flatMap((fd) => [fd, pollIn]));
  }

  /** Returns when a descriptor has something, or the time is over. */
  wait(timeoutMs: number): void {
    const descriptors = this.#descriptors;
    // A signal ends the wait without an answer: then nothing is ready.
    for (let word = 1; word < descriptors.length; word += 2) descriptors[word] = pollIn;
    const seconds = Math.floor(timeoutMs / 1000);
    this.#timeout[0] = BigInt(seconds);
    this.#timeout[1] = BigInt(Math.round((timeoutMs - seconds * 1000) * 1e6));
    this.#calls.ppoll(descriptors, descriptors.length / 2, this.#timeout);
  }

  /** Whether the last wait found anything on the descriptor at that place. */
  isReady(place: number): boolean {
    return ((this.#descriptors[2 * place + 1]! >>> 16) & anything) !== 0;
  }

  /** Leaves a descriptor out from now on: ppoll(2) ignores negative ones. */
  forget(place: number): void {
    this.#descriptors[2 * place] = -1;
  }
}
