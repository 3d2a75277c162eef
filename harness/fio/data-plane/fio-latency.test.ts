import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { fioMissing, hasFio } from '../../measure/fio.ts';
import {
  bucketOf,
  bucketValueNs,
  LatencyCounter,
  meanNs,
  percentileNs,
} from './latency-buckets.ts';

const answer = z.object({
  jobs: z.tuple([
    z.object({
      write: z.object({
        clat_ns: z.object({
          mean: z.number(),
          N: z.number(),
          percentile: z.record(z.string(), z.number()),
          bins: z.record(z.string(), z.number()),
        }),
      }),
    }),
  ]),
});

let directory = '';
beforeAll(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'fio-latency-'));
});
afterAll(() => {
  fs.rmSync(directory, { recursive: true });
});

test("fio's own latency log through our histogram gives fio's percentiles and bins", async (context) => {
  context.skip(!(await hasFio()), fioMissing);
  const options = [
    ...[
      '--name=a',
      '--filename=data',
      '--size=4m',
      '--bs=4k',
      '--rw=randwrite',
      '--ioengine=psync',
    ],
    ...['--write_lat_log=log', '--output-format=json+', '--thread'],
  ];
  const { stdout } = await execa('fio', options, { cwd: directory, stdin: 'ignore' });
  const { clat_ns: clat } = answer.parse(JSON.parse(stdout.slice(stdout.indexOf('{')))).jobs[0]
    .write;
  const counter = new LatencyCounter();
  const log = fs.readFileSync(path.join(directory, 'log_clat.1.log'), 'utf8');
  for (const line of log.trim().split('\n')) counter.record(Number(line.split(',')[1]));
  const record = counter.snapshot();
  expect(record.count).toBe(1024);
  expect(clat.N).toBe(1024);
  expect(Math.abs(meanNs(record) - clat.mean)).toBeLessThan(1);
  for (const [percent, valueNs] of Object.entries(clat.percentile)) {
    expect(percentileNs(record, Number(percent)), percent).toBe(valueNs);
  }
  for (const [valueNs, samples] of Object.entries(clat.bins)) {
    const bucket = bucketOf(Number(valueNs));
    expect(bucketValueNs(bucket)).toBe(Number(valueNs));
    expect(record.buckets[bucket], valueNs).toBe(samples);
  }
});
