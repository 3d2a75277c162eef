import { expect, test } from 'vitest';
import { jobWith } from '../job-file/reading.fixture.ts';
import { createOpChunk } from './op-chunk.ts';
import { createPlan } from './plan.ts';
import { planLines, summarisePlan } from './plan-digest.ts';
import { createTimetable } from './timetable.ts';

function dueTimes(...options: readonly string[]): readonly number[] {
  const job = jobWith(...options);
  const plan = createPlan(job, 1);
  const timetable = createTimetable(job, 1);
  const chunk = createOpChunk(1000);
  const dueNs = new Float64Array(1000);
  const times: number[] = [];
  while (plan.fill(chunk) > 0) {
    timetable.fill(chunk, dueNs);
    times.push(...dueNs.subarray(0, chunk.count));
  }
  return times;
}

test('a rate of operations spaces them evenly, from the beginning', () => {
  expect(dueTimes('rw=write', 'size=16k', 'bs=4k', 'rate_iops=1000')).toEqual([0, 1e6, 2e6, 3e6]);
  const split = dueTimes('rw=write', 'size=1m', 'bssplit=4k/50:16k/50', 'rate_iops=500');
  expect(split.slice(0, 3)).toEqual([0, 2e6, 4e6]);
});

test('a rate of bytes gives large blocks more time', () => {
  const times = dueTimes('rw=read', 'size=1m', 'bs=64k', 'rate=1m');
  expect(times.slice(0, 3)).toEqual([0, 62_500_000, 125_000_000]);
  expect(times.at(-1)).toBe(937_500_000);
});

test('Poisson arrivals have exponential gaps of the right mean', () => {
  const times = dueTimes('rw=write', 'size=40m', 'bs=4k', 'rate_iops=1000', 'rate_process=poisson');
  const gaps = times.slice(1).map((time, index) => time - times[index]!);
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  expect(mean / 1e6).toBeCloseTo(1, 1);
  // An exponential distribution has 1/e of its gaps above its mean, and as much spread as mean.
  expect(gaps.filter((gap) => gap > mean).length / gaps.length).toBeCloseTo(Math.exp(-1), 1);
});

test('each direction has a rate of its own, and a sync is due with what it follows', () => {
  const job = jobWith('rw=rw', 'size=400k', 'bs=4k', 'rate_iops=1000,100', 'fsync=1');
  const plan = createPlan(job, 1);
  const chunk = createOpChunk(200);
  const dueNs = new Float64Array(200);
  plan.fill(chunk);
  createTimetable(job, 1).fill(chunk, dueNs);
  let writes = 0;
  for (let at = 0; at < chunk.count; at++) {
    if (chunk.kinds[at] === 1) expect(dueNs[at]).toBeCloseTo(writes++ * 1e7);
    if (chunk.kinds[at] === 3) expect(dueNs[at]).toBe(dueNs[at - 1]);
  }
  expect(writes).toBeGreaterThan(10);
});

test('without a rate nothing is timed', () => {
  expect(createTimetable(jobWith('size=1m'), 1).isPaced).toBe(false);
  expect(dueTimes('rw=write', 'size=12k', 'bs=4k')).toEqual([0, 0, 0]);
});

test('the digest tells sequences apart and says what they hold', () => {
  const job = jobWith('rw=randrw', 'size=4m', 'bs=4k', 'fsync=10');
  const summary = summarisePlan(job, 1, 1e6);
  expect(summary.opsByKind['read']! + summary.opsByKind['write']!).toBe(1024);
  expect(summary.bytesByKind['read']! + summary.bytesByKind['write']!).toBe(4 * 2 ** 20);
  expect(summary.isCut).toBe(false);
  expect(summarisePlan(job, 1, 1e6).digest).toBe(summary.digest);
  expect(summarisePlan(job, 2, 1e6).digest).not.toBe(summary.digest);
  const cut = summarisePlan(job, 1, 100);
  expect(cut).toMatchObject({ ops: 100, isCut: true });
});

test('a plan is printed one operation to a line', () => {
  const job = jobWith('rw=write', 'size=12k', 'bs=4k', 'fsync=2');
  const all = [
    'write data 0 4096',
    'write data 4096 4096',
    'fsync data 0 0',
    'write data 8192 4096',
  ];
  expect([...planLines(job, 1, 100)]).toEqual(all);
  expect([...planLines(job, 1, 2)]).toEqual(all.slice(0, 2));
});
