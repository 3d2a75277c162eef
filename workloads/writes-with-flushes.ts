import type { Op, WorkloadRun } from '../harness/contract/index.ts';

export interface FlushPace {
  readonly opsMax: number;
  /** A flush after so many writes, without waiting for them; 0: none. */
  readonly flushEvery: number;
}

/** Writes as `nextWrite` gives them, with a flush now and then; flushes count as operations too. */
export function writesWithFlushes(
  { opsMax, flushEvery }: FlushPace,
  nextWrite: () => Extract<Op, { kind: 'write' }>,
): WorkloadRun {
  let opsLeft = opsMax;
  let writesSinceFlush = 0;
  return {
    next(): Op | undefined {
      if (opsLeft-- <= 0) return undefined;
      if (flushEvery > 0 && writesSinceFlush >= flushEvery) {
        writesSinceFlush = 0;
        return { kind: 'flush' };
      }
      writesSinceFlush++;
      return nextWrite();
    },
    settled: () => undefined,
  };
}
