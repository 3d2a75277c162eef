import * as os from 'node:os';
import type { DirectionResult, DiskReading, JobResult } from '../data-plane/job-result.ts';
import { directions, type Direction, type FioJob } from '../job.ts';
import { coarseLatencies, fioLatency, round6, type LatencyDetail } from './fio-latency.ts';
import { fioSteadyState } from './fio-steady-state.ts';
import { jobOptionWords, steadyWords } from './job-option-words.ts';
import {
  figuresOf,
  disksOfPhases,
  mergeDirections,
  type GroupFigures,
  type JobGroup,
} from './job-groups.ts';
import { rateSamplesOf } from './rate-samples.ts';

/** What of a document is not in the results. */
export interface DocumentFacts {
  readonly toolVersion: string;
  readonly finishedAtMs: number;
  /** `json+`: with the bins of every histogram. */
  readonly hasBins: boolean;
  /** Added at the top under `powercut`; fio and its tools pass over it. */
  readonly extension?: unknown;
}

/** A group, and where it belongs. */
export interface RoundGroup {
  /** Repetition, from 0. */
  readonly round: number;
  /** The job file, as it was named. */
  readonly variant: string;
  readonly group: JobGroup;
}

/**
 * The results in the shape of fio's JSON (3.33), so that what reads that reads this. Beyond fio's own
 * names there are `durable`, `lat_intended_ns`, `cpu_ns_per_io`, flush and discard counts, and, over
 * several rounds or job files, `round` and `variant`. Fill-in: `sync.total_ios` is right, where fio 3.33 says 0 for fdatasync.
 */
export function fioDocument(groups: readonly RoundGroup[], facts: DocumentFacts): object {
  const finished = new Date(facts.finishedAtMs);
  const reported = groups.map((entry) => ({ ...entry, figures: figuresOf(entry.group) }));
  const hasRounds = new Set(groups.map(({ round }) => round)).size > 1;
  const hasVariants = new Set(groups.map(({ variant }) => variant)).size > 1;
  const steady = groups.map(({ group }) => steadyWords(group.results[0].job));
  return {
    'fio version': `fio-compat-${facts.toolVersion}`,
    timestamp: Math.floor(facts.finishedAtMs / 1000),
    timestamp_ms: facts.finishedAtMs,
    time: asCtime(finished),
    // fio-plot looks for the criterion here.
    'global options': Object.assign({}, ...steady) as object,
    jobs: reported.map(({ round, variant, group, figures }) => ({
      ...jobObject(group, figures, facts),
      ...(hasRounds ? { round } : {}),
      ...(hasVariants ? { variant } : {}),
    })),
    disk_util: diskObjects(groups),
    ...(facts.extension === undefined ? {} : { powercut: facts.extension }),
  };
}

function jobObject(group: JobGroup, figures: GroupFigures, { hasBins }: DocumentFacts): object {
  const { job } = group.results[0];
  const detail: LatencyDetail = { percentiles: job.report.percentiles, hasBins };
  const { cpu, depth, sync, errorCount, firstError } = figures;
  const transfers = mergeDirections(directions.map((direction) => figures.directions[direction]));
  const jobTime = figures.jobTimeNs || 1;
  return {
    jobname: job.name,
    groupid: group.id,
    error: firstError === undefined ? 0 : errnoOf(firstError.errno),
    eta: 0,
    elapsed: Math.ceil(figures.runtimeNs / 1e9),
    'job options': jobOptionWords(job),
    ...directionObjects(job, figures, detail),
    sync: {
      total_ios: sync.latency.count,
      lat_ns: fioLatency(sync.latency, detail),
    },
    durable: {
      total_ios: sync.durable.count,
      iops: perSecond(sync.durable.count, figures.runtimeNs),
      lat_ns: fioLatency(sync.durable, detail),
      uncovered_writes: sync.uncoveredWrites,
    },
    job_runtime: Math.round(figures.jobTimeNs / 1e6),
    usr_cpu: round6((100 * cpu.userNs) / jobTime),
    sys_cpu: round6((100 * cpu.systemNs) / jobTime),
    cpu_ns_per_io: cpuPerOp(figures, transfers.ops),
    ctx: cpu.voluntarySwitches + cpu.involuntarySwitches,
    majf: cpu.majorFaults,
    minf: cpu.minorFaults,
    iodepth_level: shares(depth.levels, ['1', '2', '4', '8', '16', '32', '>=64']),
    iodepth_submit: shares(depth.submitted, ['0', '4', '8', '16', '32', '64', '>=64']),
    iodepth_complete: shares(depth.completed, ['0', '4', '8', '16', '32', '64', '>=64']),
    ...coarseLatencies(transfers.completion),
    latency_depth: job.queue.depth,
    latency_target: 0,
    latency_percentile: 100,
    latency_window: 0,
    total_err: errorCount,
    first_error: firstError === undefined ? 0 : errnoOf(firstError.errno),
    ...maybe('steadystate', fioSteadyState(job, figures)),
  };
}

/** `unified_rw_reporting`: apart, as one, or both. */
function directionObjects(job: FioJob, figures: GroupFigures, detail: LatencyDetail): object {
  const apart = directions.map((direction) => [
    direction,
    directionObject(job, figures, figures.directions[direction], [direction], detail),
  ]);
  const mixed = mergeDirections(directions.map((direction) => figures.directions[direction]));
  const together = ['mixed', directionObject(job, figures, mixed, directions, detail)];
  const { readsAndWrites } = job.report;
  if (readsAndWrites === 'mixed') return Object.fromEntries([together]) as object;
  return Object.fromEntries(readsAndWrites === 'both' ? [...apart, together] : apart) as object;
}

function directionObject(
  job: FioJob,
  figures: GroupFigures,
  direction: DirectionResult,
  of: readonly Direction[],
  detail: LatencyDetail,
): object {
  const { ops, bytes } = direction;
  const { latencies } = job.report;
  const runtimeNs = ops === 0 ? 0 : figures.runtimeNs;
  const plain: LatencyDetail = { percentiles: [], hasBins: false };
  const bytesPerSecond = perSecond(bytes, runtimeNs);
  return {
    io_bytes: bytes,
    io_kbytes: Math.floor(bytes / 1024),
    bw_bytes: Math.floor(bytesPerSecond),
    bw: Math.floor(bytesPerSecond / 1024),
    iops: perSecond(ops, runtimeNs),
    runtime: Math.round(runtimeNs / 1e6),
    total_ios: ops,
    short_ios: 0,
    drop_ios: 0,
    slat_ns: fioLatency(direction.submission, latencies.submission ? detail : plain),
    clat_ns: fioLatency(direction.completion, latencies.completion ? detail : plain),
    lat_ns: fioLatency(direction.total, latencies.total ? detail : plain),
    ...(direction.intended.count > 0
      ? { lat_intended_ns: fioLatency(direction.intended, detail) }
      : {}),
    ...sampleFields(figures, of, bytesPerSecond),
  };
}

function sampleFields(
  { series }: GroupFigures,
  of: readonly Direction[],
  bytesPerSecond: number,
): object {
  const sum = (columns: Readonly<Record<Direction, Float64Array>>): Float64Array =>
    columns.read.map((_, at) => of.reduce((total, one) => total + (columns[one][at] ?? 0), 0));
  const bandwidth = rateSamplesOf(sum(series.bytes), series.bucketNs);
  const iops = rateSamplesOf(sum(series.ops), series.bucketNs);
  return {
    bw_min: Math.floor(bandwidth.min / 1024),
    bw_max: Math.floor(bandwidth.max / 1024),
    bw_agg: bandwidth.count > 0 && bytesPerSecond > 0 ? 100 : 0,
    bw_mean: round6(bandwidth.mean / 1024),
    bw_dev: round6(bandwidth.deviation / 1024),
    bw_samples: bandwidth.count,
    iops_min: Math.floor(iops.min),
    iops_max: Math.floor(iops.max),
    iops_mean: round6(iops.mean),
    iops_stddev: round6(iops.deviation),
    iops_samples: iops.count,
  };
}

/** Jobs of one phase ran together, so a disk that several of them used is counted once for all. */
function diskObjects(groups: readonly RoundGroup[]): readonly object[] {
  const totals = new Map<string, { fields: readonly number[]; elapsedMs: number }>();
  for (const { results, disks } of runsOf(groups).flatMap(disksOfPhases)) {
    const elapsedMs = Math.max(...results.map(({ runtimeNs }) => runtimeNs)) / 1e6;
    for (const disk of disks) {
      const known = totals.get(disk.name) ?? { fields: [], elapsedMs: 0 };
      totals.set(disk.name, {
        fields: differencesOf(disk).map((value, at) => value + (known.fields[at] ?? 0)),
        elapsedMs: known.elapsedMs + elapsedMs,
      });
    }
  }
  return [...totals].map(([name, { fields, elapsedMs }]) => diskObject(name, fields, elapsedMs));
}

/** The results of each run of a job file. */
function runsOf(groups: readonly RoundGroup[]): readonly (readonly JobResult[])[] {
  const runs = new Map<string, JobResult[]>();
  for (const { round, variant, group } of groups) {
    const key = `${round} ${variant}`;
    runs.set(key, [...(runs.get(key) ?? []), ...group.results]);
  }
  return [...runs.values()];
}

/** From the fields of /sys/block/DISK/stat. */
function diskObject(name: string, field: readonly number[], elapsedMs: number): object {
  return {
    name,
    read_ios: field[0] ?? 0,
    write_ios: field[4] ?? 0,
    read_sectors: field[2] ?? 0,
    write_sectors: field[6] ?? 0,
    read_merges: field[1] ?? 0,
    write_merges: field[5] ?? 0,
    read_ticks: field[3] ?? 0,
    write_ticks: field[7] ?? 0,
    in_queue: field[10] ?? 0,
    util: round6(Math.min(100, (100 * (field[9] ?? 0)) / (elapsedMs || 1))),
    ...maybe('discard_sectors', field[13]),
    ...maybe('flush_ios', field[15]),
    ...maybe('flush_ticks', field[16]),
  };
}

function differencesOf({ before, after }: DiskReading): readonly number[] {
  return after.map((value, at) => value - (before[at] ?? value));
}

/** Of this thread and of the kernel's threads for its ring. */
function cpuPerOp({ cpu }: GroupFigures, ops: number): number {
  const nanoseconds = cpu.userNs + cpu.systemNs + cpu.ringWorkersNs;
  return ops === 0 ? 0 : round6(nanoseconds / ops);
}

function shares(
  counts: readonly number[],
  names: readonly string[],
): Readonly<Record<string, number>> {
  const all = counts.reduce((sum, count) => sum + count, 0) || 1;
  return Object.fromEntries(
    names.map((name, at) => [name, round6((100 * (counts[at] ?? 0)) / all)]),
  );
}

function perSecond(count: number, runtimeNs: number): number {
  return runtimeNs === 0 ? 0 : round6((count * 1e9) / runtimeNs);
}

function errnoOf(name: string): number {
  return (os.constants.errno as Readonly<Record<string, number>>)[name] ?? 5;
}

function maybe<Value>(name: string, value: Value | undefined): Readonly<Record<string, Value>> {
  return value === undefined ? {} : { [name]: value };
}

/** `Sat Nov 21 21:26:46 2026`, in the time zone of the machine. */
function asCtime(date: Date): string {
  const [weekday = '', month = '', day = '', year = ''] = date.toDateString().split(' ');
  const dayOfMonth = String(Number(day)).padStart(2);
  return `${weekday} ${month} ${dayOfMonth} ${date.toTimeString().slice(0, 8)} ${year}`;
}
