import {
  HarnessError,
  pluginApiVersion,
  type Op,
  type OptionSchema,
  type Workload,
  type WorkloadRun,
  type WorkloadScope,
} from '../contract/index.ts';
import { fioJobSchema, type FioJob } from './job.ts';
import { createOpChunk, opKind } from './plan/op-chunk.ts';
import { createPlan } from './plan/plan.ts';

/** Transfers that no engine can be asked for during a run. */
export interface SkippedOps {
  readonly reads: number;
  readonly trims: number;
}

export interface FioWorkloadRun extends WorkloadRun {
  /** How many of the job's operations were left out so far. */
  readonly skipped: SkippedOps;
}

const options: OptionSchema<FioJob> = fioJobSchema;

/**
 * Runs the sequence of a fio job against an engine's volume. Offsets count from the beginning of the
 * volume, whatever the job's file; a write takes every block that it touches, and the files of a job
 * lie on top of each other. Rates, pauses and times are left out: a scenario has its own clock.
 */
const workload: Workload<FioJob> = {
  kind: 'workload',
  apiVersion: pluginApiVersion,
  name: 'fio',
  summary: 'the writes and syncs of a fio job',
  requires: ['write', 'flush'],
  options,
  start(scope, job): FioWorkloadRun {
    checkFit(scope, job);
    return new FioRun(scope, job);
  },
};

export default workload;

function checkFit({ space }: WorkloadScope, { name, extent, source }: FioJob): void {
  const volumeBytes = space.blockBytes * space.blockCount;
  const end = Math.max(...extent.files.map((file) => file.byteOffset + file.byteCount));
  if (end <= volumeBytes) return;
  throw new HarnessError(
    'CONFIG_INVALID',
    `${source.file}:${source.line}: the job ${name} reaches to byte ${end}, and the volume has ${volumeBytes}; give the job a size of at most ${volumeBytes}`,
  );
}

/** Most operations are writes or syncs, so a small chunk is enough. */
const chunkOps = 256;

class FioRun implements FioWorkloadRun {
  readonly #job: FioJob;
  readonly #blockBytes: number;
  readonly #plan: ReturnType<typeof createPlan>;
  readonly #chunk = createOpChunk(chunkOps);
  #at = 0;
  #opsLeft: number;
  #inFlight = 0;
  #isFlushDue = false;
  #isEnded = false;
  #reads = 0;
  #trims = 0;

  constructor({ space, opsMax, random }: WorkloadScope, job: FioJob) {
    this.#job = job;
    this.#blockBytes = space.blockBytes;
    this.#opsLeft = opsMax;
    this.#plan = createPlan(job, random.fork('fio').uint32());
  }

  get skipped(): SkippedOps {
    return { reads: this.#reads, trims: this.#trims };
  }

  next(): Op | 'wait' | undefined {
    if (this.#opsLeft <= 0) return undefined;
    if (this.#inFlight >= this.#job.queue.depth) return 'wait';
    const op = this.#isFlushDue ? this.#flush() : this.#nextOp();
    if (op === undefined) return undefined;
    this.#opsLeft--;
    this.#inFlight++;
    return op;
  }

  settled(): void {
    this.#inFlight--;
  }

  #nextOp(): Op | undefined {
    // A plan without writes must not be looked through for ever.
    for (let skipped = 0; skipped <= skippedMax; skipped++) {
      if (!this.#hasEntry()) return this.#lastFlush();
      const at = this.#at++;
      const kind = this.#chunk.kinds[at]!;
      if (kind === opKind.read) this.#reads++;
      else if (kind === opKind.trim) this.#trims++;
      else if (kind === opKind.write) return this.#write(at);
      else return this.#flush();
    }
    return this.#lastFlush();
  }

  #hasEntry(): boolean {
    if (this.#at < this.#chunk.count) return true;
    this.#at = 0;
    return this.#plan.fill(this.#chunk) > 0;
  }

  /** `sync=dsync` makes every write durable by itself: here by the flush that follows it. */
  #write(at: number): Op {
    const begin = this.#chunk.byteOffsets[at]!;
    const end = begin + this.#chunk.byteCounts[at]!;
    const block = Math.floor(begin / this.#blockBytes);
    this.#isFlushDue = this.#job.durability.openSync !== 'none';
    return { kind: 'write', block, blockCount: Math.ceil(end / this.#blockBytes) - block };
  }

  #flush(): Op {
    this.#isFlushDue = false;
    return { kind: 'flush' };
  }

  #lastFlush(): Op | undefined {
    const { isSyncedAtEnd, isSyncedOnClose } = this.#job.durability;
    if (this.#isEnded || !(isSyncedAtEnd || isSyncedOnClose)) return undefined;
    this.#isEnded = true;
    return this.#flush();
  }
}

/** Operations that are looked through for the next write before the run is given up. */
const skippedMax = 1_000_000;
