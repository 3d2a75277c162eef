import type { LatencyCounter } from './latency-buckets.ts';

/**
 * Which completed writes of one file a sync makes durable: those that had completed when it was issued
 * (kernel, Documentation/block/writeback_cache_control.rst). Writes in flight at that moment wait for
 * the next one.
 */
export class SyncCoverage {
  /** Start times of completed writes that no sync has covered, a ring. */
  #startMs = new Float64Array(1024);
  #first = 0;
  #next = 0;

  get uncovered(): number {
    return this.#next - this.#first;
  }

  completed(startMs: number): void {
    if (this.#next - this.#first === this.#startMs.length) this.#grow();
    this.#startMs[this.#next % this.#startMs.length] = startMs;
    this.#next++;
  }

  /** To be handed back when the sync that is issued now has completed. */
  mark(): number {
    return this.#next;
  }

  covered(mark: number, doneMs: number, durable: LatencyCounter): void {
    const starts = this.#startMs;
    for (; this.#first < mark; this.#first++) {
      durable.record((doneMs - starts[this.#first % starts.length]!) * 1e6);
    }
  }

  forget(): void {
    this.#first = this.#next;
  }

  #grow(): void {
    const old = this.#startMs;
    const larger = new Float64Array(old.length * 2);
    for (let at = this.#first; at < this.#next; at++) {
      larger[at % larger.length] = old[at % old.length]!;
    }
    this.#startMs = larger;
  }
}
