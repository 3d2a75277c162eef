import { transferNumber } from '../plan/op-chunk.ts';
import type { Direction, PerDirection } from '../job.ts';
import type { RateSeries } from './job-result.ts';

const directionCount = 3;

/** Counts operations and bytes in buckets of time. Grows by doubling, which is seldom. */
export class RateCounter {
  readonly #bucketMs: number;
  #capacity = 1024;
  #ops = new Float64Array(this.#capacity * directionCount);
  #bytes = new Float64Array(this.#capacity * directionCount);
  #startMs = 0;
  #bucket = 0;
  #bucketEndMs = 0;
  #used = 0;

  constructor(bucketMs: number) {
    this.#bucketMs = bucketMs;
  }

  /** Forgets what was counted; the first bucket begins at `nowMs`. */
  restart(nowMs: number): void {
    this.#ops.fill(0);
    this.#bytes.fill(0);
    this.#bucket = 0;
    this.#used = 0;
    this.#startMs = nowMs;
    this.#bucketEndMs = nowMs + this.#bucketMs;
  }

  /** The measured time goes on at `nowMs`, as though the pause since `sinceMs` had not been. */
  skip(sinceMs: number, nowMs: number): void {
    this.#startMs += nowMs - sinceMs;
    this.#bucketEndMs += nowMs - sinceMs;
  }

  count(direction: number, byteCount: number, nowMs: number): void {
    if (nowMs >= this.#bucketEndMs) this.#advance(nowMs);
    const at = this.#bucket * directionCount + direction;
    this.#ops[at]!++;
    this.#bytes[at]! += byteCount;
  }

  /** Which bucket the last count went to: it changes when there is something to report. */
  get bucket(): number {
    return this.#bucket;
  }

  series(endMs: number): RateSeries {
    const spanMs = endMs - this.#startMs;
    const bucketCount = Math.max(this.#used, Math.ceil(spanMs / this.#bucketMs));
    const columnOf = (table: Float64Array): PerDirection<Float64Array> => {
      const column = (direction: Direction): Float64Array =>
        Float64Array.from(
          { length: bucketCount },
          (_, bucket) => table[bucket * directionCount + transferNumber[direction]] ?? 0,
        );
      return { read: column('read'), write: column('write'), trim: column('trim') };
    };
    return {
      bucketNs: this.#bucketMs * 1e6,
      ops: columnOf(this.#ops),
      bytes: columnOf(this.#bytes),
    };
  }

  #advance(nowMs: number): void {
    this.#bucket = Math.floor((nowMs - this.#startMs) / this.#bucketMs);
    this.#bucketEndMs = this.#startMs + (this.#bucket + 1) * this.#bucketMs;
    this.#used = this.#bucket + 1;
    while (this.#bucket >= this.#capacity) this.#grow();
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#ops = grown(this.#ops, this.#capacity * directionCount);
    this.#bytes = grown(this.#bytes, this.#capacity * directionCount);
  }
}

function grown(table: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(length);
  larger.set(table);
  return larger;
}
