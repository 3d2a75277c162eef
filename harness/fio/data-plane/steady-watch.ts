import { meanOf, slopeOf } from '../../measure/steady-state.ts';
import type { FioJob } from '../job.ts';

export type SteadyCriterion = NonNullable<FioJob['report']['steady']>;

/** How far a window is from standing still; the criterion is in percent of the mean where the limit is. */
export function measureSteadiness(
  window: readonly number[],
  { metric, isPercent }: SteadyCriterion,
): { readonly deviation: number; readonly slope: number; readonly criterion: number } {
  if (window.length < 2) return { deviation: 0, slope: 0, criterion: Infinity };
  const average = meanOf(window);
  const isSlope = metric.endsWith('_slope');
  const slope = isSlope ? slopeOf(window) : 0;
  const deviation = isSlope ? 0 : Math.max(...window.map((value) => Math.abs(value - average)));
  const raw = isSlope ? Math.abs(slope) : deviation;
  return { deviation, slope, criterion: isPercent ? (100 * raw) / average : raw };
}

const secondMs = 1000;

/**
 * Says when a job may end because it runs as steadily as `steadystate` asks: whole seconds, after the
 * first `ss_ramp`, of which the last `ss_dur` keep the criterion (fio, steadystate.c). Fed with what has
 * completed so far; allocates once a second.
 */
export class SteadyWatch {
  readonly #criterion: SteadyCriterion;
  readonly #countsOps: boolean;
  readonly #windowSeconds: number;
  readonly #rampSeconds: number;
  #seconds: number[] = [];
  #passed = 0;
  #nextMs = Infinity;
  #before = 0;
  #isSteady = false;

  constructor(criterion: SteadyCriterion) {
    this.#criterion = criterion;
    this.#countsOps = criterion.metric.startsWith('iops');
    this.#windowSeconds = Math.round(criterion.durationNs / 1e9);
    this.#rampSeconds = Math.round(criterion.rampNs / 1e9);
  }

  restart(nowMs: number): void {
    this.#seconds = [];
    this.#passed = 0;
    this.#nextMs = nowMs + secondMs;
    this.#before = 0;
    this.#isSteady = false;
  }

  skip(sinceMs: number, nowMs: number): void {
    this.#nextMs += nowMs - sinceMs;
  }

  /** `ops` and `bytes` since the restart, at `nowMs`. */
  isSteadyAt(nowMs: number, ops: number, bytes: number): boolean {
    if (nowMs < this.#nextMs) return this.#isSteady;
    const total = this.#countsOps ? ops : bytes;
    this.#add(total - this.#before);
    this.#before = total;
    this.#nextMs += secondMs;
    // A second in which nothing completed at all is one of standing still, and not steady.
    for (; nowMs >= this.#nextMs; this.#nextMs += secondMs) this.#add(0);
    this.#isSteady = this.#isFull && this.#keepsCriterion();
    return this.#isSteady;
  }

  get #isFull(): boolean {
    return this.#windowSeconds > 0 && this.#seconds.length === this.#windowSeconds;
  }

  #add(value: number): void {
    this.#passed++;
    if (this.#passed <= this.#rampSeconds) return;
    this.#seconds.push(value);
    if (this.#seconds.length > this.#windowSeconds) this.#seconds.shift();
  }

  #keepsCriterion(): boolean {
    const { criterion } = measureSteadiness(this.#seconds, this.#criterion);
    return criterion <= this.#criterion.limit;
  }
}

/**
 * Undefined for a job that goes on: without a criterion, or as one of several whose sum is to be steady,
 * which none of them knows (`group_reporting`).
 */
export function createSteadyWatch({ report, cloneCount }: FioJob): SteadyWatch | undefined {
  const { steady, isGrouped } = report;
  return steady === null || (isGrouped && cloneCount > 1) ? undefined : new SteadyWatch(steady);
}
