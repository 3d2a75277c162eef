import { greatestCommonDivisor } from '../greatest-common-divisor.ts';
import type { FioJob, PerDirection } from '../job.ts';
import { patternBytes } from './byte-pattern.ts';
import type { OptionValues } from './option-table.ts';
import type { FilePlan } from './resolve-files.ts';
import { completed } from './resolve-pattern.ts';

/** fio's engines that have one request in flight, whatever the depth. */
const synchronousEngines: readonly FioJob['engine']['name'][] = [
  'sync',
  'psync',
  'pvsync',
  'pvsync2',
];

export function isSynchronous(engine: FioJob['engine']['name']): boolean {
  return synchronousEngines.includes(engine);
}

export function resolveExtent(values: OptionValues, plan: FilePlan): FioJob['extent'] {
  return {
    ...plan,
    opsMax: nullIfZero(values.number_ios),
    loops: Math.max(1, values.loops ?? 1),
    isTimeBased: values.time_based ?? false,
    runtimeNs: nullIfZero(values.runtime),
    rampNs: values.ramp_time ?? 0,
  };
}

export function resolveSeed(values: OptionValues): FioJob['seed'] {
  const isRepeatedEachPass =
    values.allrandrepeat === true || (values.randseed === undefined && values.randrepeat !== false);
  return { value: values.randseed ?? null, isRepeatedEachPass };
}

export function resolveFileTreatment(values: OptionValues): FioJob['files'] {
  return {
    allocation: values.fallocate ?? 'native',
    isCreatedOnOpen: values.create_on_open ?? false,
    isOverwritten: values.overwrite ?? false,
    isUnlinked: values.unlink ?? false,
    mayWriteMounted: values.allow_mounted_write ?? false,
    isCacheInvalidated: values.invalidate ?? true,
  };
}

export function resolveEngine(values: OptionValues): FioJob['engine'] {
  const isDirect = values.direct ?? (values.buffered === undefined ? false : !values.buffered);
  return { name: values.ioengine ?? 'psync', isDirect };
}

/** `split` gives each job of the file one of them, in turn, as fio does. */
export function resolveProcessors(
  { cpus_allowed, cpumask, cpus_allowed_policy }: OptionValues,
  threadNumber: number,
): FioJob['processors'] {
  const processors = cpus_allowed ?? cpumask ?? null;
  if (processors === null || cpus_allowed_policy !== 'split') return processors;
  return [processors[(threadNumber - 1) % processors.length]!];
}

export function resolveQueue(values: OptionValues, engine: FioJob['engine']): FioJob['queue'] {
  const depth = isSynchronous(engine.name) ? 1 : (values.iodepth ?? 1);
  const capped = (value: number | undefined): number =>
    value === undefined || value === 0 || value > depth ? depth : value;
  const completeMin = Math.min(values.iodepth_batch_complete_min ?? 1, depth);
  const completeMax = values.iodepth_batch_complete_max ?? completeMin;
  return {
    depth,
    // fio hands over one at a time unless told otherwise, and the whole depth where told 0.
    submitBatch: values.iodepth_batch === undefined ? 1 : capped(values.iodepth_batch),
    completeMin,
    completeMax: Math.max(1, completeMin, Math.min(completeMax, depth)),
    lowWater: capped(values.iodepth_low),
    isOverlapSerialized: values.serialize_overlap ?? false,
  };
}

export function resolveDurability(values: OptionValues): FioJob['durability'] {
  return {
    fsyncEvery: values.fsync ?? 0,
    fdatasyncEvery: values.fdatasync ?? 0,
    openSync: values.sync ?? 'none',
    isSyncedAtEnd: values.end_fsync ?? false,
    isSyncedOnClose: values.fsync_on_close ?? false,
  };
}

export function resolvePace(values: OptionValues): FioJob['pace'] {
  const thinkNs = values.thinktime ?? 0;
  return {
    bytesPerSecond: nullsForZeros(values.rate),
    opsPerSecond: nullsForZeros(values.rate_iops),
    process: values.rate_process ?? 'linear',
    loop: values.io_submit_mode ?? 'closed',
    thinkNs,
    thinkSpinNs: Math.min(values.thinktime_spin ?? 0, thinkNs),
    thinkBlocks: values.thinktime_blocks ?? 1,
    isThinkIgnored: values.rate_ignore_thinktime ?? false,
    latencyMaxNs: nullsForZeros(values.max_latency),
  };
}

export function resolveContents(
  values: OptionValues,
  access: FioJob['pattern']['access'],
): FioJob['contents'] {
  const compress = values.buffer_compress_percentage ?? 0;
  const pattern = values.buffer_pattern ?? null;
  const isVerified = (values.verify ?? 'none') !== 'none';
  const reads = access === 'read' || access === 'rw';
  // fio refills where the buffer would otherwise not hold what was asked for.
  const needsRefill = isVerified || (compress > 0 && compress < 100) || (pattern !== null && reads);
  return {
    isZero: pattern === null && (values.zero_buffers === true || compress === 100),
    isRefilled: values.refill_buffers ?? needsRefill,
    isScrambled:
      pattern === null && values.zero_buffers !== true && (values.scramble_buffers ?? true),
    pattern,
    compressPercent: compress === 100 ? 0 : compress,
    compressChunkBytes: values.buffer_compress_chunk ?? 512,
    dedupePercent: values.dedupe_percentage ?? 0,
  };
}

/** The interval divides every write: fio takes the greatest common divisor where it does not. */
export function resolveVerify(values: OptionValues, pattern: FioJob['pattern']): FioJob['verify'] {
  const { minBytes, maxBytes } = pattern.blocks.write;
  const kind = values.verify ?? 'none';
  let intervalBytes = values.verify_interval ?? 0;
  if (kind !== 'none') {
    if (intervalBytes === 0 && minBytes !== maxBytes) intervalBytes = minBytes;
    intervalBytes = Math.min(intervalBytes, minBytes);
    if (intervalBytes === 0 || minBytes % intervalBytes !== 0 || maxBytes % intervalBytes !== 0) {
      intervalBytes = greatestCommonDivisor(minBytes, maxBytes);
    }
  }
  return {
    kind,
    isReadBack: kind !== 'none' && (values.do_verify ?? true),
    isReadBackOnly: values.verify_only ?? false,
    intervalBytes,
    headerAtByte: values.verify_offset ?? 0,
    pattern: values.verify_pattern ?? null,
    isFatal: values.verify_fatal ?? false,
  };
}

/** Bytes that a header of this kind takes at the beginning of every interval. */
export function verifyHeaderBytes({ kind, pattern }: FioJob['verify']): number {
  switch (kind) {
    case 'crc32c':
      return 44;
    case 'stamp':
      return 48;
    case 'pattern':
      return pattern === null ? 0 : Math.min(1, patternBytes(pattern));
    case 'none':
    case 'null':
      return 0;
  }
}

const defaultPercentiles = [
  1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 99.5, 99.9, 99.95, 99.99,
];

export function resolveReport(values: OptionValues, name: string): FioJob['report'] {
  const logOf = (given: string | undefined): string | null =>
    given === undefined ? null : given === '' ? name : given;
  return {
    isGrouped: values.group_reporting ?? false,
    isNewGroup: values.new_group ?? false,
    percentiles: values.percentile_list ?? defaultPercentiles,
    latencies: {
      submission: values.slat_percentiles ?? false,
      completion: values.clat_percentiles ?? true,
      total: values.lat_percentiles ?? false,
    },
    isSubmissionTimed: !(values.disable_slat ?? values.gtod_reduce ?? false),
    readsAndWrites: values.unified_rw_reporting ?? 'apart',
    logs: {
      bandwidth: logOf(values.write_bw_log),
      iops: logOf(values.write_iops_log),
      latency: logOf(values.write_lat_log),
      averageMs: values.log_avg_msec ?? 0,
      isPerJob: values.per_job_logs ?? true,
    },
    steady:
      values.steadystate === undefined
        ? null
        : {
            ...values.steadystate,
            durationNs: values.steadystate_duration ?? 0,
            rampNs: values.steadystate_ramp_time ?? 0,
          },
  };
}

function nullIfZero(value: number | undefined): number | null {
  return value === undefined || value === 0 ? null : value;
}

function nullsForZeros(
  given: PerDirection<number | undefined> | undefined,
): PerDirection<number | null> {
  const { read, write, trim } = completed(given, 0);
  return { read: nullIfZero(read), write: nullIfZero(write), trim: nullIfZero(trim) };
}
