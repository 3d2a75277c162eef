import { meanOf } from '../../measure/steady-state.ts';
import { measureSteadiness, type SteadyCriterion } from '../data-plane/steady-watch.ts';
import type { FioJob } from '../job.ts';
import type { GroupFigures } from './job-groups.ts';
import { directions, type Direction } from '../job.ts';
import { round6 } from './fio-latency.ts';

/** fio's `steadystate` object (HOWTO, "Measurements and reporting", ss). */
export interface FioSteadyState {
  readonly ss: string;
  readonly duration: number;
  readonly attained: 0 | 1;
  readonly criterion: string | number;
  readonly max_deviation: number;
  readonly slope: number;
  readonly data: {
    readonly bw_mean: number;
    readonly iops_mean: number;
    readonly iops: readonly number[];
    readonly bw: readonly number[];
  };
}

/**
 * Looks for the first stretch of `ss_dur` seconds that keeps the criterion, as fio does, and answers
 * that or else the last one. Undefined where the job names no criterion.
 */
export function fioSteadyState(job: FioJob, figures: GroupFigures): FioSteadyState | undefined {
  const { steady } = job.report;
  if (steady === null) return undefined;
  const ss = `${steady.metric}:${steady.limit.toFixed(6)}${steady.isPercent ? '%' : ''}`;
  const duration = Math.round(steady.durationNs / 1e9);
  const skipped = Math.round(steady.rampNs / 1e9);
  const iops = perSecond(figures, 'ops').slice(skipped);
  const bw = perSecond(figures, 'bytes').slice(skipped);
  const values = steady.metric.startsWith('iops') ? iops : bw;
  const stretch = findStretch(values, duration, (window) => meets(window, steady));
  const span = [stretch.begin, stretch.begin + duration] as const;
  const { deviation, slope, criterion } = measureSteadiness(values.slice(...span), steady);
  return {
    ss,
    duration,
    attained: stretch.attained ? 1 : 0,
    criterion: steady.isPercent ? `${criterion.toFixed(6)}%` : round6(criterion),
    max_deviation: round6(deviation),
    slope: round6(slope),
    data: {
      bw_mean: Math.round(mean(bw.slice(...span))),
      iops_mean: Math.round(mean(iops.slice(...span))),
      iops: iops.slice(...span).map(Math.round),
      bw: bw.slice(...span).map(Math.round),
    },
  };
}

function meets(window: readonly number[], steady: SteadyCriterion): boolean {
  return measureSteadiness(window, steady).criterion <= steady.limit;
}

function findStretch(
  values: readonly number[],
  duration: number,
  isSteady: (window: readonly number[]) => boolean,
): { readonly begin: number; readonly attained: boolean } {
  for (let begin = 0; begin + duration <= values.length; begin++) {
    if (isSteady(values.slice(begin, begin + duration))) return { begin, attained: true };
  }
  return { begin: Math.max(0, values.length - duration), attained: false };
}

/** All directions together, in whole seconds; the part of one at the end is left out. */
function perSecond({ series }: GroupFigures, what: 'ops' | 'bytes'): readonly number[] {
  const buckets = Math.max(1, Math.round(1e9 / series.bucketNs));
  const length = Math.floor(series[what].read.length / buckets);
  const at = (direction: Direction, bucket: number): number => series[what][direction][bucket] ?? 0;
  return Array.from({ length }, (_, second) => {
    let sum = 0;
    for (let bucket = second * buckets; bucket < (second + 1) * buckets; bucket++) {
      for (const direction of directions) sum += at(direction, bucket);
    }
    return sum;
  });
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : meanOf(values);
}
