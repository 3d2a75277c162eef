/**
 * Notes from the run to the twin's server, through memory that both have mapped: each has its place
 * among the requests for certain, and costs no system call. A note is stored before the operation that
 * follows it is begun; whatever request that operation makes, the server reads it later, and looks here
 * after reading a request and before it records it. And what the server had answered when a note was
 * stored, it had recorded before.
 *
 * The words are: notes written, notes taken, and a ring of notes of two words each. Both counts wrap
 * around at 2^32.
 */
import assert from 'node:assert/strict';

const writtenAt = 0;
const takenAt = 1;
const ringAt = 2;
const noteCount = 4096;
const noteWords = 2;

export const noteRingWords = ringAt + noteCount * noteWords;

export const noteKinds = { mark: 0, op: 1, begin: 2 } as const;

export class NoteSender {
  readonly #words: Uint32Array;

  constructor(words: Uint32Array) {
    this.#words = words;
  }

  /** False where the ring is full: the server must be asked to take what is there. */
  offer(kind: number, value: number): boolean {
    assert(Number.isInteger(value) && value >= 0 && value < 2 ** 32, `a word, not ${value}`);
    const words = this.#words;
    const written = Atomics.load(words, writtenAt);
    if ((written - Atomics.load(words, takenAt)) >>> 0 >= noteCount) return false;
    const at = placeOf(written);
    Atomics.store(words, at, kind);
    Atomics.store(words, at + 1, value);
    Atomics.store(words, writtenAt, written + 1);
    return true;
  }
}

export class NoteReceiver {
  readonly #words: Uint32Array;
  #taken = 0;

  constructor(words: Uint32Array) {
    this.#words = words;
  }

  /** Hands over what was written since the last time, in its order. */
  drain(take: (kind: number, value: number) => void): void {
    const words = this.#words;
    const written = Atomics.load(words, writtenAt);
    if (written === this.#taken) return;
    while (this.#taken !== written) {
      const at = placeOf(this.#taken);
      take(Atomics.load(words, at), Atomics.load(words, at + 1));
      this.#taken = (this.#taken + 1) >>> 0;
    }
    Atomics.store(words, takenAt, written);
  }
}

function placeOf(count: number): number {
  return ringAt + (count % noteCount) * noteWords;
}
