import type { FioJob } from '../job.ts';
import { createOpChunk, opKindNames } from './op-chunk.ts';
import { createPlan } from './plan.ts';

export interface PlannedOp {
  readonly kind: string;
  readonly fileIndex: number;
  readonly byteOffset: number;
  readonly byteCount: number;
}

/** The first operations of a plan, taken in chunks of that size. */
export function plannedOps(
  job: FioJob,
  { seed = 1, opsMax = 100_000, chunkOps = 7 } = {},
): readonly PlannedOp[] {
  const plan = createPlan(job, seed);
  const chunk = createOpChunk(chunkOps);
  const ops: PlannedOp[] = [];
  while (ops.length < opsMax && plan.fill(chunk) > 0) {
    for (let at = 0; at < chunk.count && ops.length < opsMax; at++) {
      ops.push({
        kind: opKindNames[chunk.kinds[at]!]!,
        fileIndex: chunk.fileIndexes[at]!,
        byteOffset: chunk.byteOffsets[at]!,
        byteCount: chunk.byteCounts[at]!,
      });
    }
  }
  return ops;
}
