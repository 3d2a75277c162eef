import type { FioJob } from '../job.ts';

/** When the next operation may be issued: by its rate, and by the pauses of `thinktime`. */
export class Pacer {
  readonly isOpenLoop: boolean;
  readonly #isPaced: boolean;
  readonly #thinkMs: number;
  readonly #spinMs: number;
  readonly #thinkBlocks: number;
  readonly #isThinkIgnored: boolean;
  #baseMs = 0;
  #opsSincePause = 0;

  constructor({ pace }: FioJob, isPaced: boolean) {
    this.#isPaced = isPaced;
    this.isOpenLoop = isPaced && pace.loop === 'open';
    this.#thinkMs = pace.thinkNs / 1e6;
    this.#spinMs = pace.thinkSpinNs / 1e6;
    this.#thinkBlocks = pace.thinkBlocks;
    this.#isThinkIgnored = pace.isThinkIgnored;
  }

  begin(nowMs: number): void {
    this.#baseMs = nowMs;
  }

  /** -Infinity where an operation need not wait. */
  dueMs(dueNs: number): number {
    return this.#isPaced ? this.#baseMs + dueNs / 1e6 : -Infinity;
  }

  /** Whether a pause is due: it begins once everything in flight has completed. */
  get mustPause(): boolean {
    return this.#thinkMs > 0 && this.#opsSincePause >= this.#thinkBlocks;
  }

  issued(): void {
    this.#opsSincePause++;
  }

  /** Pauses, the first part of it busy; `sleepUntil` sleeps. */
  pause(nowMs: number, sleepUntil: (wakeMs: number) => void): void {
    while (performance.now() - nowMs < this.#spinMs);
    sleepUntil(nowMs + this.#thinkMs);
    this.#opsSincePause = 0;
    if (!this.#isThinkIgnored) this.shift(this.#thinkMs);
  }

  /** All that is due from now on is due so much later. */
  shift(byMs: number): void {
    this.#baseMs += byMs;
  }
}
