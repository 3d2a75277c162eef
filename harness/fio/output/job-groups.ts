import type {
  CpuUse,
  DirectionResult,
  DiskReading,
  EngineReading,
  JobResult,
  RateSeries,
  WrittenAmount,
} from '../data-plane/job-result.ts';
import { mergeLatencyRecords } from '../data-plane/latency-buckets.ts';
import { directions, type Direction, type PerDirection } from '../job.ts';

/** Jobs that are reported as one: clones and others under `group_reporting`, or a single job. */
export interface JobGroup {
  /** fio's groupid: a new one with each phase and each `new_group`. */
  readonly id: number;
  /** The first job's name and settings stand for the group. */
  readonly results: readonly [JobResult, ...JobResult[]];
}

/** The results in the order of the file, together where their jobs ask for it. */
export function groupResults(results: readonly JobResult[]): readonly JobGroup[] {
  const groups: { id: number; results: [JobResult, ...JobResult[]] }[] = [];
  let id = -1;
  let phase: number | undefined;
  for (const result of results) {
    const { job } = result;
    const isNew = job.phase !== phase || (job.report.isNewGroup && job.clone === 0);
    if (isNew) id++;
    phase = job.phase;
    const open = groups.at(-1);
    if (open?.id === id && job.report.isGrouped && open.results[0].job.report.isGrouped) {
      open.results.push(result);
    } else groups.push({ id, results: [result] });
  }
  return groups;
}

/** What the jobs of a group did together. */
export interface GroupFigures {
  readonly directions: PerDirection<DirectionResult>;
  /** Of the job that took longest. */
  readonly runtimeNs: number;
  /** Of all jobs added up, as CPU time is. */
  readonly jobTimeNs: number;
  readonly writtenSinceStart: WrittenAmount;
  readonly sync: JobResult['sync'];
  readonly depth: JobResult['depth'];
  readonly series: RateSeries;
  readonly cpu: CpuUse;
  readonly errorCount: number;
  readonly firstError: JobResult['errors']['first'];
  readonly disks: readonly DiskReading[];
  /** Jobs on an engine run one at a time, and their readings follow on each other. */
  readonly engineReadings: readonly EngineReading[];
}

export function figuresOf({ results }: JobGroup): GroupFigures {
  const [first] = results;
  return {
    directions: perDirection((direction) =>
      mergeDirections(results.map((result) => result.directions[direction])),
    ),
    runtimeNs: Math.max(...results.map(({ runtimeNs }) => runtimeNs)),
    jobTimeNs: results.reduce((sum, { runtimeNs }) => sum + runtimeNs, 0),
    writtenSinceStart: {
      ops: sumOf(results, ({ writtenSinceStart }) => writtenSinceStart.ops),
      bytes: sumOf(results, ({ writtenSinceStart }) => writtenSinceStart.bytes),
    },
    sync: {
      ops: sumOf(results, ({ sync }) => sync.ops),
      latency: mergeLatencyRecords(results.map(({ sync }) => sync.latency)),
      durable: mergeLatencyRecords(results.map(({ sync }) => sync.durable)),
      uncoveredWrites: sumOf(results, ({ sync }) => sync.uncoveredWrites),
    },
    depth: {
      levels: addColumns(results.map(({ depth }) => depth.levels)),
      submitted: addColumns(results.map(({ depth }) => depth.submitted)),
      completed: addColumns(results.map(({ depth }) => depth.completed)),
    },
    series: addSeries(results.map(({ series }) => series)),
    cpu: addCpu(results.map(({ cpu }) => cpu)),
    errorCount: sumOf(results, ({ errors }) => errors.count),
    firstError: results.find(({ errors }) => errors.first !== undefined)?.errors.first,
    disks: results.length === 1 ? first.disks : joinDisks(results.flatMap(({ disks }) => disks)),
    engineReadings: results.flatMap(({ engineCounters }) => engineCounters ?? []),
  };
}

/** Operations of all directions in each whole bucket of time. */
export function opsOf({ series, runtimeNs }: GroupFigures): Float64Array {
  const all = series.ops.read.map((_, at) =>
    directions.reduce((sum, direction) => sum + (series.ops[direction][at] ?? 0), 0),
  );
  return all.subarray(0, Math.floor(runtimeNs / series.bucketNs));
}

export function mergeDirections(parts: readonly DirectionResult[]): DirectionResult {
  return {
    ops: sumOf(parts, ({ ops }) => ops),
    bytes: sumOf(parts, ({ bytes }) => bytes),
    submission: mergeLatencyRecords(parts.map(({ submission }) => submission)),
    completion: mergeLatencyRecords(parts.map(({ completion }) => completion)),
    total: mergeLatencyRecords(parts.map(({ total }) => total)),
    intended: mergeLatencyRecords(parts.map(({ intended }) => intended)),
  };
}

export function perDirection<Value>(of: (direction: Direction) => Value): PerDirection<Value> {
  const entries = directions.map((direction) => [direction, of(direction)] as const);
  return Object.fromEntries(entries) as Record<Direction, Value>;
}

function sumOf<Part>(parts: readonly Part[], figure: (part: Part) => number): number {
  return parts.reduce((sum, part) => sum + figure(part), 0);
}

function addColumns(rows: readonly ArrayLike<number>[]): number[] {
  const length = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length }, (_, at) => sumOf(rows, (row) => row[at] ?? 0));
}

/** Bucket by bucket: the jobs of a group begin together. */
function addSeries(parts: readonly RateSeries[]): RateSeries {
  const column = (of: (series: RateSeries) => Float64Array): Float64Array =>
    Float64Array.from(addColumns(parts.map(of)));
  return {
    bucketNs: parts[0]!.bucketNs,
    ops: perDirection((direction) => column(({ ops }) => ops[direction])),
    bytes: perDirection((direction) => column(({ bytes }) => bytes[direction])),
  };
}

function addCpu(parts: readonly CpuUse[]): CpuUse {
  const add = (figure: keyof CpuUse): number => sumOf(parts, (part) => part[figure]);
  return {
    userNs: add('userNs'),
    systemNs: add('systemNs'),
    ringWorkersNs: add('ringWorkersNs'),
    voluntarySwitches: add('voluntarySwitches'),
    involuntarySwitches: add('involuntarySwitches'),
    majorFaults: add('majorFaults'),
    minorFaults: add('minorFaults'),
  };
}

/** What jobs counted by the phases that they ran in: those of one phase share their readings. */
export function disksOfPhases(
  results: readonly JobResult[],
): readonly { readonly results: readonly JobResult[]; readonly disks: readonly DiskReading[] }[] {
  const phases = new Set(results.map(({ job }) => job.phase));
  return [...phases].map((phase) => {
    const together = results.filter(({ job }) => job.phase === phase);
    return { results: together, disks: joinDisks(together.flatMap(({ disks }) => disks)) };
  });
}

/** Of a disk that several jobs used: from the first reading to the last, as counters only rise. */
function joinDisks(readings: readonly DiskReading[]): readonly DiskReading[] {
  const byName = new Map<string, DiskReading>();
  for (const reading of readings) {
    const known = byName.get(reading.name);
    byName.set(
      reading.name,
      known === undefined
        ? reading
        : {
            name: reading.name,
            before: lesser(known.before, reading.before),
            after: lesser(known.after, reading.after) === known.after ? reading.after : known.after,
          },
    );
  }
  return [...byName.values()];
}

/** The earlier of two readings of one disk: sectors read and written never fall. */
function lesser(one: readonly number[], other: readonly number[]): readonly number[] {
  const sectors = (fields: readonly number[]): number => (fields[2] ?? 0) + (fields[6] ?? 0);
  return sectors(other) < sectors(one) ? other : one;
}
