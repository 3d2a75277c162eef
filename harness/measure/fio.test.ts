import { expect, test } from 'vitest';
import { answerOf } from './fio.ts';

const idle = { total_ios: 0, iops: 0, bw_bytes: 0, runtime: 0, lat_ns: {} };

const report = {
  'fio version': 'fio-3.33',
  jobs: [
    {
      usr_cpu: 0.25,
      sys_cpu: 2.25,
      job_runtime: 128_000,
      read: idle,
      write: {
        total_ios: 136_988,
        iops: 67_916.7,
        bw_bytes: 278_186_803,
        runtime: 2017,
        lat_ns: { percentile: { '1.000000': 60_000, '50.000000': 101_888 } },
      },
    },
  ],
};

test('the processor time is that of all jobs of the group together', () => {
  // 2.5 % of 128 seconds.
  expect(answerOf(JSON.stringify(report)).cpuMicroseconds).toBeCloseTo(3_200_000, 3);
});

test('the direction that did something is read, behind whatever fio says first', () => {
  const answer = answerOf(`fio: a warning\n${JSON.stringify(report)}`);
  expect(answer).toMatchObject({ operations: 136_988, latencyP50Ns: 101_888, seconds: 2.017 });
  const reads = { ...report.jobs[0], read: report.jobs[0]!.write, write: idle };
  expect(answerOf(JSON.stringify({ jobs: [reads] })).operations).toBe(136_988);
});

test('an answer in another form is refused', () => {
  expect(() => answerOf('{"jobs":[{}]}')).toThrow();
});
