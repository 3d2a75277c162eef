import assert from 'node:assert/strict';
import type { RecoveryStatistics } from '../contract/index.ts';

/** How many recoveries took how many device requests: plain data, so that it crosses threads. */
export type RecoveryCounts = ReadonlyMap<number, number>;

/**
 * Collects the device requests of each recovery. Recoveries are counted by the thousand a second and
 * take few distinct numbers of requests, so a count per number keeps the exact median.
 */
export class RecoveryTally {
  readonly #counts = new Map<number, number>();

  record(requests: number): void {
    assert(Number.isInteger(requests) && requests >= 0);
    this.#counts.set(requests, (this.#counts.get(requests) ?? 0) + 1);
  }

  get counts(): RecoveryCounts {
    return this.#counts;
  }

  add(counts: RecoveryCounts): void {
    for (const [requests, times] of counts) {
      this.#counts.set(requests, (this.#counts.get(requests) ?? 0) + times);
    }
  }

  /** Undefined when nothing was recovered. The median of an even count is the mean of the two. */
  statistics(): RecoveryStatistics | undefined {
    const ascending = [...this.#counts].sort(([left], [right]) => left - right);
    const last = ascending.at(-1);
    if (last === undefined) return undefined;
    const count = ascending.reduce((sum, [, times]) => sum + times, 0);
    const lower = valueAt(ascending, Math.ceil(count / 2));
    const upper = valueAt(ascending, Math.floor(count / 2) + 1);
    return { count, requestsMedian: (lower + upper) / 2, requestsMax: last[0] };
  }
}

/** The `rank`-th smallest value, from 1. */
function valueAt(ascending: readonly (readonly [number, number])[], rank: number): number {
  let seen = 0;
  for (const [value, times] of ascending) {
    seen += times;
    if (seen >= rank) return value;
  }
  throw new RangeError(`rank ${rank} is beyond ${seen} values`);
}
