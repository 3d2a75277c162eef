import { readTemperatures } from '../../measure/host-facts-machine.ts';
import { readWeather, spin, weatherBetween } from '../../measure/host-facts-weather.ts';
import type { RoundWeather } from '../../measure/statistics/round-taint.ts';
import {
  blockCountersBetween,
  blockCountersOf,
  readBlockCounters,
  type BlockCounters,
} from '../../measure/write-levels/block-counters.ts';
import {
  readDriveCounters,
  type DriveCounters,
} from '../../measure/write-levels/drive-counters.ts';
import {
  blockLevel,
  driveLevel,
  type WriteLevels,
} from '../../measure/write-levels/write-levels.ts';
import type { DiskReading, JobResult } from '../data-plane/job-result.ts';
import { runJobs, type RunJobOptions } from '../data-plane/run-job.ts';
import type { FioJob } from '../job.ts';
import { disksOfPhases } from '../output/job-groups.ts';
import { diskStackUnder } from './storage-facts.ts';

/** The jobs of one file, to be run as a whole. */
export interface Variant {
  readonly name: string;
  readonly jobs: readonly FioJob[];
}

/** One variant, once. */
export interface VariantRun {
  readonly round: number;
  readonly variant: string;
  readonly results: readonly JobResult[];
  readonly weather: RoundWeather;
  /** Degrees Celsius after the run, by sensor. */
  readonly temperatures: Readonly<Record<string, number>>;
  readonly writeLevels: WriteLevels;
}

export interface RoundOptions extends RunJobOptions {
  /** How often all variants are run. */
  readonly repeats: number;
  /** Called before each run. */
  onRun?(round: number, variant: string): void;
}

/**
 * Runs the variants in turn, again and again: A B A B. A machine drifts, so that runs of one variant
 * must not all come before those of the other; and since the first of a pair may fare differently, the
 * order changes from round to round. Answers what was done when it is interrupted.
 */
export async function runRounds(
  variants: readonly Variant[],
  options: RoundOptions,
): Promise<readonly VariantRun[]> {
  const runs: VariantRun[] = [];
  for (let round = 0; round < options.repeats; round++) {
    const order = round % 2 === 0 ? variants : [...variants].reverse();
    for (const variant of order) {
      if (options.signal?.aborted === true) return runs;
      options.onRun?.(round, variant.name);
      runs.push(await runVariant(variant, round, options));
    }
  }
  return runs;
}

async function runVariant(
  { name, jobs }: Variant,
  round: number,
  options: RoundOptions,
): Promise<VariantRun> {
  const paths = jobs.flatMap(({ extent }) => extent.files.map((file) => file.path));
  const spinNs = spin(() => performance.now() * 1e6);
  const countedBefore = await readCounters(paths);
  const weatherBefore = readWeather();
  const results = await runJobs(jobs, options);
  const weather = weatherBetween(weatherBefore, readWeather(), spinNs);
  const countedAfter = await readCounters(paths);
  return {
    round,
    variant: name,
    results,
    weather,
    temperatures: await readTemperatures(),
    writeLevels: levelsOf(results, countedBefore, countedAfter),
  };
}

interface DiskCounts {
  readonly block: BlockCounters | undefined;
  readonly drive: DriveCounters;
}

async function readCounters(paths: readonly string[]): Promise<ReadonlyMap<string, DiskCounts>> {
  const disks = new Set(paths.flatMap(diskStackUnder));
  const counts = new Map<string, DiskCounts>();
  for (const disk of disks) {
    counts.set(disk, {
      block: await readBlockCounters(disk),
      drive: await readDriveCounters(disk),
    });
  }
  return counts;
}

/**
 * A disk right under the targets was read for each job, without the layout of its files. What lies below
 * it, and the drive itself, is read around everything.
 */
function levelsOf(
  results: readonly JobResult[],
  before: ReadonlyMap<string, DiskCounts>,
  after: ReadonlyMap<string, DiskCounts>,
): WriteLevels {
  const ofJobs = disksOfPhases(results).flatMap(({ disks }) => disks);
  const both = [...after].flatMap(([disk, later]) => {
    const earlier = before.get(disk);
    return earlier === undefined ? [] : [{ disk, earlier, later }];
  });
  return {
    userBytes: results.reduce((sum, { directions }) => sum + directions.write.bytes, 0),
    engine: { notReported: 'no engine is between the job and its target' },
    blockLayer: both.map(({ disk, earlier, later }) => {
      const readings = ofJobs.filter(({ name }) => name === disk);
      const counters =
        readings.length > 0 ? addReadings(readings) : between(earlier.block, later.block);
      return blockLevel(disk, counters);
    }),
    drives: both.map(({ disk, earlier, later }) => driveLevel(disk, earlier.drive, later.drive)),
  };
}

function addReadings(readings: readonly DiskReading[]): BlockCounters | undefined {
  const sum = (of: (reading: DiskReading) => readonly number[]): BlockCounters =>
    blockCountersOf(
      readings.map(of).reduce((one, other) => one.map((value, at) => value + (other[at] ?? 0))),
    );
  return blockCountersBetween(
    sum(({ before }) => before),
    sum(({ after }) => after),
  );
}

function between(
  earlier: BlockCounters | undefined,
  later: BlockCounters | undefined,
): BlockCounters | undefined {
  return earlier && later && blockCountersBetween(earlier, later);
}
