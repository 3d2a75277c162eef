import { createHash } from 'node:crypto';
import type { FioJob } from '../job.ts';
import { createOpChunk, opKindNames, type OpChunk } from './op-chunk.ts';
import { createPlan } from './plan.ts';

const entryBytes = 16;
const chunkOps = 4096;

export interface PlanSummary {
  /** SHA-256 in hexadecimal digits over kind, file, offset and size of every operation, in order. */
  readonly digest: string;
  readonly ops: number;
  /** By the names of `opKindNames`. */
  readonly opsByKind: Readonly<Record<string, number>>;
  readonly bytesByKind: Readonly<Record<string, number>>;
  /** Whether the plan went on behind `opsMax`. */
  readonly isCut: boolean;
}

/** Two runs with the same digest did the same things in the same order. */
export function summarisePlan(job: FioJob, seed: number | string, opsMax: number): PlanSummary {
  const plan = createPlan(job, seed);
  const chunk = createOpChunk(chunkOps);
  const hash = createHash('sha256');
  const opsByKind: Record<string, number> = {};
  const bytesByKind: Record<string, number> = {};
  let ops = 0;
  let isCut = false;
  while (!isCut && plan.fill(chunk) > 0) {
    isCut = chunk.count > opsMax - ops;
    const count = isCut ? opsMax - ops : chunk.count;
    hash.update(entriesOf(chunk, count));
    for (let at = 0; at < count; at++) {
      const name = opKindNames[chunk.kinds[at]!]!;
      opsByKind[name] = (opsByKind[name] ?? 0) + 1;
      bytesByKind[name] = (bytesByKind[name] ?? 0) + chunk.byteCounts[at]!;
    }
    ops += count;
  }
  return { digest: hash.digest('hex'), ops, opsByKind, bytesByKind, isCut };
}

/** Little-endian: u8 kind, u16 file, one byte of zero, u32 size, f64 offset. */
function entriesOf(chunk: OpChunk, count: number): Buffer {
  const entries = Buffer.alloc(count * entryBytes);
  for (let at = 0; at < count; at++) {
    const begin = at * entryBytes;
    entries.writeUInt8(chunk.kinds[at]!, begin);
    entries.writeUInt16LE(chunk.fileIndexes[at]!, begin + 1);
    entries.writeUInt32LE(chunk.byteCounts[at]!, begin + 4);
    entries.writeDoubleLE(chunk.byteOffsets[at]!, begin + 8);
  }
  return entries;
}

/** A plan as `--plan` prints it, one operation to a line: `write data 4096 8192`. */
export function* planLines(job: FioJob, seed: number | string, opsMax: number): Generator<string> {
  const plan = createPlan(job, seed);
  const chunk = createOpChunk(Math.min(chunkOps, Math.max(1, opsMax)));
  let left = opsMax;
  while (left > 0 && plan.fill(chunk) > 0) {
    for (let at = 0; at < chunk.count && left > 0; at++, left--) {
      const { path } = job.extent.files[chunk.fileIndexes[at]!]!;
      const place = `${chunk.byteOffsets[at]!} ${chunk.byteCounts[at]!}`;
      yield `${opKindNames[chunk.kinds[at]!]!} ${path} ${place}`;
    }
  }
}
