import type { EngineCounters } from '../../contract/index.ts';
import type { BlockFault } from '../contents/verify-blocks.ts';
import type { Direction, FioJob, PerDirection } from '../job.ts';
import type { LatencyRecord } from './latency-buckets.ts';
import type { OpLogRecord } from './op-log.ts';

/** What a job did, as plain data. Times are nanoseconds unless the name says otherwise. */
export interface JobResult {
  readonly job: FioJob;
  readonly seed: number;
  readonly mode: LoadMode;
  readonly engine: EngineUse;
  readonly targets: readonly TargetUse[];
  readonly endedBy: JobEnd;
  /** Milliseconds since 1970, when the first operation of the job was issued. */
  readonly startedAtMs: number;
  /** Time that was measured: without ramp, pauses of verification and preparation. */
  readonly runtimeNs: number;
  readonly directions: PerDirection<DirectionResult>;
  /** All that was written, also in the ramp: what devices and engines counted meanwhile is of that. */
  readonly writtenSinceStart: WrittenAmount;
  readonly sync: SyncResult;
  readonly depth: DepthResult;
  readonly series: RateSeries;
  /** For `write_lat_log`, `write_bw_log` and `write_iops_log`; undefined where none was asked for. */
  readonly log: OpLogRecord | undefined;
  readonly cpu: CpuUse;
  readonly errors: ErrorResult;
  /** Undefined for a job that does not verify. */
  readonly verification: VerificationResult | undefined;
  /** Disks under the targets, read right before and after the operations (with verification). */
  readonly disks: readonly DiskReading[];
  /** Of the engine under the job, read likewise; absent for a job on no engine. */
  readonly engineCounters?: EngineReading;
  /** Over kind, file, offset and size of every operation issued, in order: 16 hexadecimal digits. */
  readonly issuedDigest: string;
  readonly issuedOps: number;
}

/**
 * `error`: an operation failed; `latency-limit`: one took longer than `max_latency`; `steady-state`: the
 * criterion of `steadystate` was met.
 */
export type JobEnd =
  'done' | 'runtime' | 'interrupted' | 'error' | 'latency-limit' | 'steady-state';

export interface LoadMode {
  /** `open`: every operation has its own time, and `intended` counts from it. */
  readonly loop: 'closed' | 'open';
  readonly isPaced: boolean;
  /**
   * `split`: submitting and waiting are two calls, as in fio, and `submission` is the first of them;
   * `combined`: one call does both, so `submission` has no samples and `completion` is the whole.
   */
  readonly calls: 'split' | 'combined';
  /** The kernel was told of the buffers beforehand and need not pin them for every operation. */
  readonly registersBuffers: boolean;
}

export interface EngineUse {
  readonly asked: FioJob['engine']['name'];
  readonly ran: 'io_uring' | 'system calls' | 'null' | 'engine session';
  /** What that means, where it is not what was asked for; empty otherwise. */
  readonly note: string;
}

export interface TargetUse {
  readonly path: string;
  readonly kind: 'regular-file' | 'block-device' | 'null-device' | 'zero-device' | 'volume';
  readonly fileBytes: number;
  /**
   * How the file came to its size: `existing`; `written` (every byte), `allocated` (fallocate: space
   * without contents, so first writes change metadata), `sparse`, or `none` (it grows as it is
   * written, or it is a device).
   */
  readonly layout: 'existing' | 'written' | 'allocated' | 'sparse' | 'none';
  /** What was asked of the file system and why it did otherwise; empty where nothing is to be said. */
  readonly note: string;
}

export interface DirectionResult {
  readonly ops: number;
  readonly bytes: number;
  /** From taking up an operation to its hand-over to the kernel (fio: slat). */
  readonly submission: LatencyRecord;
  /** From there to its completion (clat). */
  readonly completion: LatencyRecord;
  /** Both (lat): the service time in an open loop. */
  readonly total: LatencyRecord;
  /** From the time it was due; samples in an open loop with a rate only. */
  readonly intended: LatencyRecord;
}

export interface SyncResult {
  readonly ops: number;
  readonly latency: LatencyRecord;
  /**
   * From the start of a write (in an open loop: its due time) to the end of the first sync that was
   * issued after it had completed; with sync=dsync or sync, to the end of the write. Writes that no
   * sync has covered are not in it, and counted beside it.
   */
  readonly durable: LatencyRecord;
  readonly uncoveredWrites: number;
}

export interface WrittenAmount {
  readonly ops: number;
  readonly bytes: number;
}

export interface EngineReading {
  readonly before: EngineCounters;
  readonly after: EngineCounters;
}

/** fio's `iodepth_level` (1, 2, 4 … 32, 64 and more) and `iodepth_submit`, `iodepth_complete` (0, 4 … 64, more). */
export interface DepthResult {
  readonly levels: readonly number[];
  readonly submitted: readonly number[];
  readonly completed: readonly number[];
}

/** Operations and bytes that completed in each bucket of time; the last may be a part of one. */
export interface RateSeries {
  readonly bucketNs: number;
  readonly ops: PerDirection<Float64Array>;
  readonly bytes: PerDirection<Float64Array>;
}

/** Of the job's own thread while it was measured; `ringWorkersNs` are the kernel's threads for its ring. */
export interface CpuUse {
  readonly userNs: number;
  readonly systemNs: number;
  readonly ringWorkersNs: number;
  readonly voluntarySwitches: number;
  readonly involuntarySwitches: number;
  readonly majorFaults: number;
  readonly minorFaults: number;
}

export interface ErrorResult {
  readonly count: number;
  readonly first: JobError | undefined;
}

/** An operation that failed is in no other figure. */
export interface JobError {
  readonly errno: string;
  readonly operation: Direction | 'fsync' | 'fdatasync';
  readonly path: string;
  readonly byteOffset: number;
  readonly byteCount: number;
}

export interface VerificationResult {
  readonly kind: FioJob['verify']['kind'];
  /** Read back after the writes, or while the job read. */
  readonly ops: number;
  readonly bytes: number;
  readonly runtimeNs: number;
  readonly faultCount: number;
  /** The first of them. */
  readonly faults: readonly FoundFault[];
  /** Why not everything that was written has been read back; empty where it was. */
  readonly note: string;
}

export interface FoundFault extends BlockFault {
  readonly path: string;
}

/** One line of /sys/block/DISK/stat (Documentation/block/stat.rst), 17 fields on current kernels. */
export interface DiskReading {
  /** Kernel name of the disk, `nvme0n1`. */
  readonly name: string;
  readonly before: readonly number[];
  readonly after: readonly number[];
}
