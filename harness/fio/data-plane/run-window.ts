import type { FioJob } from '../job.ts';
import type { JobEnd } from './job-result.ts';
import type { JobMeter } from './job-meter.ts';

/** The word that both threads see: a job waits for its start, runs, and is told to stop. */
export const jobState = { waiting: 0, running: 1, stopping: 2 } as const;

/** Longest sleep at a time: `stopping` wakes a sleeper anyway. */
const sleepMsMax = 1000;
/** The end of a sleep is spent awake, as a sleeper is late by about so much. */
const awakeMs = 0.15;

/**
 * When a job may issue operations: between its start and its end by time, while nobody stops it and
 * nothing has gone wrong. The ramp is part of the run and of no figure.
 */
export class RunWindow {
  /** Milliseconds of this thread's clock at which the measured time began. */
  measuredFromMs = 0;
  readonly #control: Int32Array;
  readonly #meter: JobMeter;
  readonly #runtimeMs: number;
  readonly #rampMs: number;
  readonly #onMeasured: () => void;
  #rampEndMs = Infinity;
  #endMs = Infinity;
  #end: JobEnd | undefined;

  /** `onMeasured` is called when the measured time begins. */
  constructor(job: FioJob, control: Int32Array, meter: JobMeter, onMeasured: () => void) {
    const { runtimeNs, rampNs } = job.extent;
    this.#control = control;
    this.#meter = meter;
    this.#runtimeMs = runtimeNs === null ? Infinity : runtimeNs / 1e6;
    this.#rampMs = rampNs / 1e6;
    this.#onMeasured = onMeasured;
  }

  begin(nowMs: number): void {
    if (this.#rampMs > 0) this.#rampEndMs = nowMs + this.#rampMs;
    this.#measureFrom(nowMs);
  }

  /** Why no more operations are to be issued; `done` where the operations were all there were. */
  get end(): JobEnd {
    return this.#end ?? 'done';
  }

  isOver(nowMs: number): boolean {
    if (nowMs >= this.#rampEndMs) this.#endRamp(nowMs);
    if (this.#end !== undefined) return true;
    if (Atomics.load(this.#control, 0) === jobState.stopping) this.#end = 'interrupted';
    else if (this.#meter.errorCount > 0) this.#end = 'error';
    else if (this.#meter.exceedsLimit) this.#end = 'latency-limit';
    else if (this.#meter.isSteady) this.#end = 'steady-state';
    else if (nowMs >= this.#endMs) this.#end = 'runtime';
    return this.#end !== undefined;
  }

  /** The time since `sinceMs` was spent on something else, and does not count. */
  skipPause(sinceMs: number, nowMs: number): void {
    const pauseMs = nowMs - sinceMs;
    this.measuredFromMs += pauseMs;
    this.#endMs += pauseMs;
    this.#rampEndMs += pauseMs;
    this.#meter.skipPause(sinceMs, nowMs);
  }

  /** Sleeps until then, or until the job is told to stop or its time is over. */
  sleepUntil(wakeMs: number): void {
    const untilMs = Math.min(wakeMs, this.#endMs);
    for (;;) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0 || Atomics.load(this.#control, 0) === jobState.stopping) return;
      if (leftMs <= awakeMs) continue;
      Atomics.wait(this.#control, 0, jobState.running, Math.min(leftMs - awakeMs, sleepMsMax));
    }
  }

  #endRamp(nowMs: number): void {
    this.#rampEndMs = Infinity;
    this.#measureFrom(nowMs);
  }

  #measureFrom(nowMs: number): void {
    this.measuredFromMs = nowMs;
    this.#endMs = this.#rampEndMs === Infinity ? nowMs + this.#runtimeMs : Infinity;
    this.#meter.restart(nowMs);
    this.#onMeasured();
  }
}
