import { expect, test } from 'vitest';
import { jobWith } from '../job-file/reading.fixture.ts';
import { fioSteadyState } from '../output/fio-steady-state.ts';
import { JobMeter } from './job-meter.ts';
import { jobState, RunWindow } from './run-window.ts';
import { createSteadyWatch } from './steady-watch.ts';

/** Runs a job that completes so many operations in each second, and says when and why it ended. */
function endOf(
  opsPerSecond: readonly number[],
  ...options: readonly string[]
): { readonly endMs: number; readonly end: string; readonly attained: number | undefined } {
  const job = jobWith('rw=write', 'bs=4k', 'size=1g', 'time_based', 'runtime=60', ...options);
  const meter = new JobMeter(job, new Float64Array(3));
  const window = new RunWindow(job, Int32Array.of(jobState.running), meter, () => undefined);
  window.begin(0);
  let nowMs = 0;
  loop: for (const [second, ops] of opsPerSecond.entries()) {
    for (let op = 1; op <= ops; op++) {
      if (window.isOver(nowMs)) break loop;
      nowMs = second * 1000 + (op * 1000) / ops - 0.001;
      meter.transferred(1, 0, 4096, nowMs - 1, nowMs - 0.5, nowMs, NaN);
    }
  }
  const figures = { series: meter.series(nowMs) } as Parameters<typeof fioSteadyState>[1];
  return { endMs: nowMs, end: window.end, attained: fioSteadyState(job, figures)?.attained };
}

const unsteady = [200, 20, 150, 40, 90];

test('a job ends in the second after those that were steady', () => {
  const rates = [...unsteady, 100, 101, 99, 100, 100, 100];
  const ended = endOf(rates, 'ss=iops:2%', 'ss_dur=4');
  expect(ended).toMatchObject({ end: 'steady-state', attained: 1 });
  expect(ended.endMs).toBeGreaterThan(9000);
  expect(ended.endMs).toBeLessThan(9200);
});

test('a job that is not steady goes on', () => {
  const rates = [...unsteady, ...unsteady];
  expect(endOf(rates, 'ss=iops:2%', 'ss_dur=4')).toMatchObject({ end: 'done', attained: 0 });
  expect(endOf(rates, 'ss=bw:50000', 'ss_dur=4').end).toBe('done');
  expect(endOf([100, 100, 100, 100, 100, 100], 'ss=iops:2%', 'ss_dur=10').end).toBe('done');
});

test('a criterion of the bandwidth or of a slope is held to the same seconds', () => {
  const rising = [100, 110, 120, 130, 140, 150, 160];
  expect(endOf(rising, 'ss=bw_slope:1%', 'ss_dur=4').end).toBe('done');
  expect(endOf(rising, 'ss=iops_slope:10%', 'ss_dur=4').end).toBe('steady-state');
  expect(endOf([...unsteady, 100, 100, 100, 100, 100], 'ss=bw:1%', 'ss_dur=4').end).toBe(
    'steady-state',
  );
});

test('what comes before ss_ramp is not looked at', () => {
  const rates = Array.from({ length: 12 }, () => 100);
  expect(endOf(rates, 'ss=iops:2%', 'ss_dur=3').endMs).toBeLessThan(3200);
  const late = endOf(rates, 'ss=iops:2%', 'ss_dur=3', 'ss_ramp=5');
  expect(late.end).toBe('steady-state');
  expect(late.endMs).toBeGreaterThan(8000);
});

test('seconds in which nothing completed are not left out', () => {
  const rates = [...unsteady, 100, 100, 0, 0, 100, 100, 100];
  expect(endOf(rates, 'ss=iops:2%', 'ss_dur=4').end).toBe('done');
});

test('one of several whose sum is to be steady goes on, and a job without a criterion', () => {
  const grouped = ['ss=iops:2%', 'ss_dur=3', 'numjobs=2', 'group_reporting'];
  expect(createSteadyWatch(jobWith('rw=read', 'size=4k', ...grouped))).toBeUndefined();
  expect(createSteadyWatch(jobWith('rw=read', 'size=4k', ...grouped.slice(0, 3)))).toBeDefined();
  expect(createSteadyWatch(jobWith('rw=read', 'size=4k'))).toBeUndefined();
});
