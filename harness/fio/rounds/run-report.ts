import type { EngineFacts, HostFacts } from '../../contract/index.ts';
import type { Metric } from '../../measure/statistics/metric.ts';
import { taintsOf } from '../../measure/statistics/round-taint.ts';
import { roundsOfSeries, steadyStateOf, type SteadyState } from '../../measure/steady-state.ts';
import { ratiosOfLevels, type WriteLevels } from '../../measure/write-levels/write-levels.ts';
import type { JobResult } from '../data-plane/job-result.ts';
import { figuresOf, groupResults, opsOf, type JobGroup } from '../output/job-groups.ts';
import { metricsOf, type JobMetrics } from '../output/job-metrics.ts';
import { jobOptionWords } from '../output/job-option-words.ts';
import { preconditioningOf, type Preconditioning } from '../output/preconditioning.ts';
import type { VariantRun } from './run-rounds.ts';
import type { StorageFacts } from './storage-facts.ts';

/** What is known of a run beside its results. */
export interface RunFacts {
  readonly toolVersion: string;
  readonly command: string;
  readonly startedAt: string;
  readonly seed: number;
  readonly host: HostFacts;
  readonly storage: readonly StorageFacts[];
  readonly warnings: readonly string[];
  /** The engine under test, where the jobs ran on one. */
  readonly engineUnderTest?: TestedEngine;
}

export interface TestedEngine {
  readonly name: string;
  readonly medium: string;
  /** Then no metric is a time: they would be those of the simulation. */
  readonly isSimulated: boolean;
  readonly options: unknown;
}

/** A run of job files in our own words; `powercut compare` reads it. */
export interface FioRunReport extends RunFacts {
  readonly kind: 'powercut-fio';
  readonly schemaVersion: 1;
  readonly runs: readonly ReportedRun[];
}

export interface ReportedRun {
  readonly round: number;
  readonly variant: string;
  /** Why the round should not be believed; empty for a clean one. */
  readonly taints: readonly string[];
  readonly weather: VariantRun['weather'];
  readonly temperatures: VariantRun['temperatures'];
  readonly writeLevels: WriteLevels;
  readonly writeRatios: ReturnType<typeof ratiosOfLevels>;
  /** What the engine under test said of itself when it was open. */
  readonly engineFacts?: EngineFacts;
  readonly jobs: readonly ReportedJob[];
}

export interface ReportedJob {
  readonly name: string;
  readonly group: number;
  readonly jobCount: number;
  readonly options: Readonly<Record<string, string>>;
  readonly engine: JobResult['engine'];
  readonly mode: JobResult['mode'];
  readonly targets: JobResult['targets'];
  readonly endedBy: readonly JobResult['endedBy'][];
  readonly runtimeNs: number;
  readonly errorCount: number;
  readonly firstError: JobResult['errors']['first'];
  readonly verification: readonly NonNullable<JobResult['verification']>[];
  /** Of each job's operations, in order. */
  readonly digests: readonly string[];
  readonly metrics: readonly Metric[];
  /** Percentiles that are left out, with the samples they lack. */
  readonly unsupported: readonly string[];
  readonly steadyState: SteadyState;
  readonly preconditioning: readonly Preconditioning[];
}

export function fioRunReport(runs: readonly VariantRun[], facts: RunFacts): FioRunReport {
  const taints = taintsOf(runs.map(({ weather }) => weather));
  const earlier: JobResult[] = [];
  const reported = runs.map((run, at): ReportedRun => {
    const groups = groupResults(run.results);
    const jobs = groups.map((group) => reportedJob(group, earlierThan(group, run, earlier), facts));
    earlier.push(...run.results);
    const { round, variant, weather, temperatures, writeLevels } = run;
    return {
      round,
      variant,
      taints: taints[at]!,
      weather,
      temperatures,
      writeLevels,
      writeRatios: ratiosOfLevels(writeLevels),
      ...(run.engineFacts && { engineFacts: run.engineFacts }),
      jobs,
    };
  });
  return { kind: 'powercut-fio', schemaVersion: 1, ...facts, runs: reported };
}

/** What had ended before a group began: earlier runs, and earlier phases of this one. */
export function earlierThan(
  { results: [{ job }] }: JobGroup,
  { results }: Pick<VariantRun, 'results'>,
  earlierRuns: readonly JobResult[],
): readonly JobResult[] {
  return [...earlierRuns, ...results.filter((result) => result.job.phase < job.phase)];
}

function reportedJob(
  group: JobGroup,
  earlier: readonly JobResult[],
  { engineUnderTest }: RunFacts,
): ReportedJob {
  const { results } = group;
  const [first] = results;
  const figures = figuresOf(group);
  return {
    name: first.job.name,
    group: group.id,
    jobCount: results.length,
    options: jobOptionWords(first.job),
    engine: first.engine,
    mode: first.mode,
    targets: first.targets,
    endedBy: results.map(({ endedBy }) => endedBy),
    runtimeNs: figures.runtimeNs,
    errorCount: figures.errorCount,
    firstError: figures.firstError,
    verification: results.flatMap(({ verification }) => verification ?? []),
    digests: results.map(({ issuedDigest }) => issuedDigest),
    ...comparableOf(metricsOf(figures), engineUnderTest?.isSimulated === true),
    steadyState: steadyStateOf(roundsOfSeries(opsOf(figures), figures.series.bucketNs)),
    preconditioning: preconditioningOf(first, earlier),
  };
}

/** Of a simulated drive, only what was counted can be held against another run. */
function comparableOf({ metrics, unsupported }: JobMetrics, isSimulated: boolean): JobMetrics {
  if (!isSimulated) return { metrics, unsupported };
  return {
    metrics: metrics.filter(({ comparison }) => comparison.by === 'counter'),
    unsupported: [],
  };
}
