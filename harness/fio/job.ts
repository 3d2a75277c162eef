import { z } from 'zod';

/**
 * A fio job as it will be run: every default applied, every unit resolved, every clone of `numjobs`
 * a job of its own. Plain data, so that it goes into run directories and across threads as it is.
 *
 * Units: bytes, nanoseconds, percent (0 to 100). `null` stands where a job does not ask for a thing.
 * Whoever runs a job honours every field, or refuses the job; what nobody honours is not in here,
 * but refused or warned of where the file is read.
 */
const bytes = z.int().min(0);
const bytesMin1 = z.int().min(1);
const nanoseconds = z.number().min(0);
const percent = z.int().min(0).max(100);
const count = z.int().min(0);

function perDirection<Value extends z.ZodType>(
  value: Value,
): z.ZodObject<{ read: Value; write: Value; trim: Value }, z.core.$strict> {
  return z.strictObject({ read: value, write: value, trim: value });
}

const splitPart = z.strictObject({ byteCount: bytesMin1, percent });

const blockSizes = z.strictObject({
  minBytes: bytesMin1,
  maxBytes: bytesMin1,
  /** Random offsets are multiples of it (`blockalign`). */
  alignBytes: bytesMin1,
  /** Weighted sizes, in ascending order of their percentages; empty: evenly from min to max. */
  split: z.array(splitPart).readonly(),
});

/** A zone reaches from the end of the one before it to `endPercent` or `endBytes` of the region. */
const zonePart = z.strictObject({ accessPercent: percent, endPercent: percent });
const absoluteZonePart = z.strictObject({ accessPercent: percent, endBytes: bytes });

const distribution = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('random') }),
  /** `center` is the place of the hottest block as a share of the region; null: drawn from the seed. */
  z.strictObject({
    kind: z.literal('zipf'),
    theta: z.number(),
    center: z.number().min(0).max(1).nullable(),
  }),
  z.strictObject({
    kind: z.literal('pareto'),
    power: z.number(),
    center: z.number().min(0).max(1).nullable(),
  }),
  z.strictObject({
    kind: z.literal('normal'),
    deviationPercent: z.number().min(0).max(100),
    center: z.number().min(0).max(1).nullable(),
  }),
  z.strictObject({
    kind: z.literal('zoned'),
    zones: perDirection(z.array(zonePart).readonly()),
  }),
  z.strictObject({
    kind: z.literal('zoned_abs'),
    zones: perDirection(z.array(absoluteZonePart).readonly()),
  }),
]);

/** One piece of a pattern of bytes; `offset` stands for the byte offset of the block, 8 bytes LE. */
const patternPart = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('bytes'), bytes: z.array(z.int().min(0).max(255)).readonly() }),
  z.strictObject({ kind: z.literal('offset') }),
]);

const file = z.strictObject({
  path: z.string().min(1),
  /** Where the region of the job begins in the file. */
  byteOffset: bytes,
  /** Length of the region: a multiple of the smallest block size. */
  byteCount: bytesMin1,
  /** Size that the file or device has, or gets before the job begins. */
  fileBytes: bytesMin1,
});

const pattern = z.strictObject({
  /** `rw`: reads and writes mixed by `readPercent`; `trimwrite`: each block is trimmed, then written. */
  access: z.enum(['read', 'write', 'rw', 'trim', 'trimwrite']),
  isRandom: z.boolean(),
  readPercent: percent,
  /** Share of the operations of a random job whose place is drawn; the others follow on. */
  randomPercent: perDirection(percent),
  /** A place is drawn for every so many operations; those between `then` it (`rw=randwrite:8`). */
  opsPerDraw: z.int().min(1),
  thenPlace: z.enum(['sequential', 'identical']),
  /** Added to every sequential offset but the first (`rw=write:4k`); may be negative. */
  skipBytes: z.int(),
  blocks: perDirection(blockSizes),
  /** Sizes need not be multiples of the smallest (`bs_unaligned`). */
  isUnaligned: z.boolean(),
  /** `blocks.read` holds for sequential and `blocks.write` for random places (`bs_is_seq_rand`). */
  isSizedByRandomness: z.boolean(),
  distribution,
  /** Each block once, before any block twice. */
  hasRandomMap: z.boolean(),
});

const seed = z.strictObject({
  /** `randseed`, mixed into the seed of the run; null: not given. */
  value: z.number().nullable(),
  /** Every pass over the region draws the same numbers again (`randrepeat`). */
  isRepeatedEachPass: z.boolean(),
});

const extent = z.strictObject({
  files: z.array(file).min(1).readonly(),
  /** Bytes of all regions together: one pass. */
  sizeBytes: bytesMin1,
  /** Bytes to transfer in all, where that is not one pass; null: `sizeBytes`. */
  ioBytes: bytesMin1.nullable(),
  /** Operations (syncs not counted), times `loops`; null: no limit. */
  opsMax: z.int().min(1).nullable(),
  loops: z.int().min(1),
  isTimeBased: z.boolean(),
  runtimeNs: nanoseconds.nullable(),
  /** Counted in no figure. */
  rampNs: nanoseconds,
});

const files = z.strictObject({
  allocation: z.enum(['none', 'native', 'posix', 'keep', 'truncate']),
  isCreatedOnOpen: z.boolean(),
  isOverwritten: z.boolean(),
  isUnlinked: z.boolean(),
  mayWriteMounted: z.boolean(),
  /** The page cache of the region is dropped before the job. */
  isCacheInvalidated: z.boolean(),
});

const engine = z.strictObject({
  name: z.enum(['sync', 'psync', 'pvsync', 'pvsync2', 'libaio', 'io_uring', 'null', 'powercut']),
  isDirect: z.boolean(),
});

const queue = z.strictObject({
  depth: z.int().min(1).max(32_768),
  /** Most requests handed over in one call. */
  submitBatch: z.int().min(1),
  completeMin: count,
  completeMax: z.int().min(1),
  /** Once full, the queue is filled again when it has fallen to this. */
  lowWater: z.int().min(1),
  /** An operation waits for those in flight that it overlaps. */
  isOverlapSerialized: z.boolean(),
});

const durability = z.strictObject({
  /** A sync after every so many writes; 0: none. Earlier writes in flight are not waited for. */
  fsyncEvery: count,
  fdatasyncEvery: count,
  /** How the file is opened. */
  openSync: z.enum(['none', 'sync', 'dsync']),
  isSyncedAtEnd: z.boolean(),
  isSyncedOnClose: z.boolean(),
});

const pace = z.strictObject({
  /** Bytes a second; null: as fast as it goes. */
  bytesPerSecond: perDirection(bytesMin1.nullable()),
  opsPerSecond: perDirection(bytesMin1.nullable()),
  process: z.enum(['linear', 'poisson']),
  /**
   * `closed`: a late operation moves all that follow (fio's `io_submit_mode=inline`); `open`: each has
   * its own time (`offload`), and its latency counts from there.
   */
  loop: z.enum(['closed', 'open']),
  /** The job pauses so long after every `thinkBlocks` operations, once they have all completed. */
  thinkNs: nanoseconds,
  /** So much of the pause is spent busy. */
  thinkSpinNs: nanoseconds,
  thinkBlocks: z.int().min(1),
  /** The rate makes up for pauses (`rate_ignore_thinktime`). */
  isThinkIgnored: z.boolean(),
  /** An operation that takes longer ends the job with an error. */
  latencyMaxNs: perDirection(nanoseconds.nullable()),
});

const contents = z.strictObject({
  isZero: z.boolean(),
  /** New contents for every write; otherwise filled once. */
  isRefilled: z.boolean(),
  /** A few bytes of every 512 are changed before each write, so that no two are the same. */
  isScrambled: z.boolean(),
  /** Null: no pattern. */
  pattern: z.array(patternPart).readonly().nullable(),
  compressPercent: percent,
  compressChunkBytes: bytesMin1,
  /** Share of the writes that hold the same as the one before. */
  dedupePercent: percent,
});

const verify = z.strictObject({
  kind: z.enum(['none', 'crc32c', 'pattern', 'null', 'stamp']),
  /** Whether what was written is read back after each pass. */
  isReadBack: z.boolean(),
  /** Nothing is written: what an earlier run of the same job wrote is read back. */
  isReadBackOnly: z.boolean(),
  /** One header for every so many bytes. */
  intervalBytes: bytes,
  /** The header changes places with the bytes here. */
  headerAtByte: bytes,
  pattern: z.array(patternPart).readonly().nullable(),
  /** The first bad block ends the job. */
  isFatal: z.boolean(),
});

const report = z.strictObject({
  isGrouped: z.boolean(),
  isNewGroup: z.boolean(),
  percentiles: z.array(z.number().min(0).max(100)).max(20).readonly(),
  latencies: z.strictObject({
    submission: z.boolean(),
    completion: z.boolean(),
    total: z.boolean(),
  }),
  /** Otherwise one call may hand over an operation and wait for another. */
  isSubmissionTimed: z.boolean(),
  readsAndWrites: z.enum(['apart', 'mixed', 'both']),
  /** Paths to begin log names with. */
  logs: z.strictObject({
    bandwidth: z.string().nullable(),
    iops: z.string().nullable(),
    latency: z.string().nullable(),
    /** 0: a line for every operation. */
    averageMs: count,
    isPerJob: z.boolean(),
  }),
  steady: z
    .strictObject({
      metric: z.enum(['iops', 'iops_slope', 'bw', 'bw_slope']),
      limit: z.number(),
      isPercent: z.boolean(),
      durationNs: nanoseconds,
      rampNs: nanoseconds,
    })
    .nullable(),
});

export const fioJobSchema = z.strictObject({
  name: z.string().min(1),
  description: z.string(),
  /** Where its section begins. */
  source: z.strictObject({ file: z.string(), line: count }),
  /** From 1, over all jobs of the file and their clones, as fio counts. */
  threadNumber: z.int().min(1),
  /** Which of the `numjobs` clones of its section it is, from 0. */
  clone: count,
  cloneCount: z.int().min(1),
  /** Jobs of one phase run together; a phase begins when the one before has ended (`stonewall`). */
  phase: count,
  /** Begins only when every clone of that job has ended. */
  waitsFor: z.string().nullable(),
  startDelayNs: z.strictObject({ min: nanoseconds, max: nanoseconds }),
  /** That its thread may run on; null: where the system puts it. */
  processors: z.array(count).min(1).readonly().nullable().default(null),
  pattern,
  seed,
  extent,
  files,
  engine,
  queue,
  durability,
  pace,
  contents,
  verify,
  report,
});

export type FioJob = Readonly<z.output<typeof fioJobSchema>>;
export type FioFile = Readonly<z.output<typeof file>>;
export type BlockSizes = Readonly<z.output<typeof blockSizes>>;
export type Distribution = Readonly<z.output<typeof distribution>>;
export type ZonePart = Readonly<z.output<typeof zonePart>>;
export type AbsoluteZonePart = Readonly<z.output<typeof absoluteZonePart>>;
export type PatternPart = Readonly<z.output<typeof patternPart>>;
export type Access = FioJob['pattern']['access'];

/** The three kinds of transfer, in fio's order. */
export const directions = ['read', 'write', 'trim'] as const;
export type Direction = (typeof directions)[number];
export type PerDirection<Value> = Readonly<Record<Direction, Value>>;

/** Which transfers a job makes. */
export function directionsOf(access: Access): readonly Direction[] {
  switch (access) {
    case 'read':
      return ['read'];
    case 'write':
      return ['write'];
    case 'rw':
      return ['read', 'write'];
    case 'trim':
      return ['trim'];
    case 'trimwrite':
      return ['trim', 'write'];
  }
}

export function writesSomething(job: FioJob): boolean {
  return directionsOf(job.pattern.access).includes('write');
}
