import type { EngineFacts } from '../../contract/index.ts';
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
import { runOnEngine, type EngineRun, type EngineUnderTest } from './engine-under-test.ts';
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
  /** What the engine said of itself; undefined where the jobs ran on none. */
  readonly engineFacts: EngineFacts | undefined;
}

export interface RoundOptions extends RunJobOptions {
  /** How often all variants are run. */
  readonly repeats: number;
  /** For jobs of `ioengine=powercut`, which then all have to be. */
  readonly engine?: EngineUnderTest;
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
  const paths = pathsOf(jobs, options.engine);
  const spinNs = spin(() => performance.now() * 1e6);
  let countedBefore = await readCounters(paths);
  const weatherBefore = readWeather();
  const onEngine =
    options.engine &&
    (await runOnEngine(options.engine, jobs, {
      ...options,
      seed: options.seed ?? 0,
      onOpen: async () => {
        countedBefore = await readCounters(paths);
      },
    }));
  const results = onEngine?.results ?? (await runJobs(jobs, options));
  const weather = weatherBetween(weatherBefore, readWeather(), spinNs);
  const countedAfter = await readCounters(paths);
  return {
    round,
    variant: name,
    results,
    weather,
    temperatures: await readTemperatures(),
    writeLevels: levelsOf(results, onEngine, countedBefore, countedAfter),
    engineFacts: onEngine?.facts,
  };
}

/** What is on the disks that are counted: the files of the jobs, or what the engine lies on. */
export function pathsOf(
  jobs: readonly FioJob[],
  engine: EngineUnderTest | undefined,
): readonly string[] {
  return engine?.paths ?? jobs.flatMap(({ extent }) => extent.files.map(({ path }) => path));
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
  engine: EngineRun | undefined,
  before: ReadonlyMap<string, DiskCounts>,
  after: ReadonlyMap<string, DiskCounts>,
): WriteLevels {
  const ofJobs = disksOfPhases(results).flatMap(({ disks }) => disks);
  const both = [...after].flatMap(([disk, later]) => {
    const earlier = before.get(disk);
    return earlier === undefined ? [] : [{ disk, earlier, later }];
  });
  return {
    userBytes: results.reduce((sum, { writtenSinceStart }) => sum + writtenSinceStart.bytes, 0),
    engine: engine?.level ?? { notReported: 'no engine is between the job and its target' },
    blockLayer: both.map(({ disk, earlier, later }) => {
      const readings = ofJobs.filter(({ name }) => name === disk);
      const counters =
        readings.length > 0 ? addReadings(readings) : between(earlier.block, later.block);
      return blockLevel(disk, counters);
    }),
    drives: [
      ...(engine?.simulated?.drives ?? []),
      ...both.map(({ disk, earlier, later }) => driveLevel(disk, earlier.drive, later.drive)),
    ],
    ...(engine?.simulated?.flash && { simulated: engine.simulated.flash }),
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
