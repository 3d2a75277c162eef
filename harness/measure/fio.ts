/**
 * fio as the peer of a benchmark. It is run with direct I/O on the same file or device as what it is
 * compared with, and its JSON is read; a figure is never taken from its text.
 */
import { execa } from 'execa';
import { z } from 'zod';

/** Command-line options of fio without the dashes: `{ bs: 4096, rw: 'write' }`. */
export type FioParameters = Readonly<Record<string, string | number>>;

export interface FioAnswer {
  readonly operations: number;
  readonly operationsPerSecond: number;
  readonly bytesPerSecond: number;
  /** From submission to completion; a sync after the operation is not part of it. */
  readonly latencyP50Ns: number;
  /** User and system time of all its jobs, in microseconds. */
  readonly cpuMicroseconds: number;
  /** From the first operation to the last, in seconds. */
  readonly seconds: number;
}

/** Why nothing can be compared where fio is missing. */
export const fioMissing = 'fio is not installed (apt-get install fio), so there is no peer';

const program = 'fio';

let found: Promise<boolean> | undefined;

export function hasFio(): Promise<boolean> {
  return (found ??= execa(program, ['--version'], { reject: false }).then(
    ({ exitCode }) => exitCode === 0,
  ));
}

/** Runs one group of jobs. Throws with fio's own words where it fails. */
export async function runFio(parameters: FioParameters): Promise<FioAnswer> {
  const fixed = {
    name: 'peer',
    direct: 1,
    group_reporting: 1,
    lat_percentiles: 1,
    'output-format': 'json',
  };
  const args = Object.entries({ ...fixed, ...parameters }).map(
    ([key, value]) => `--${key}=${value}`,
  );
  const { exitCode, stdout, stderr } = await execa(program, args, {
    reject: false,
    stdin: 'ignore',
  });
  if (exitCode !== 0) throw new Error(`fio ${args.join(' ')} failed: ${stderr || stdout}`);
  return answerOf(stdout);
}

const direction = z.object({
  total_ios: z.number(),
  iops: z.number(),
  bw_bytes: z.number(),
  /** Milliseconds. */
  runtime: z.number(),
  lat_ns: z.object({ percentile: z.record(z.string(), z.number()).optional() }),
});

const report = z.object({
  jobs: z.tuple([
    z.object({
      usr_cpu: z.number(),
      sys_cpu: z.number(),
      /** Milliseconds, of all jobs of the group together. */
      job_runtime: z.number(),
      read: direction,
      write: direction,
    }),
  ]),
});

/** fio writes warnings in front of its JSON. */
export function answerOf(output: string): FioAnswer {
  const [job] = report.parse(JSON.parse(output.slice(output.indexOf('{')))).jobs;
  const busy = job.write.total_ios > 0 ? job.write : job.read;
  return {
    operations: busy.total_ios,
    operationsPerSecond: busy.iops,
    bytesPerSecond: busy.bw_bytes,
    latencyP50Ns: busy.lat_ns.percentile?.['50.000000'] ?? 0,
    cpuMicroseconds: ((job.usr_cpu + job.sys_cpu) / 100) * job.job_runtime * 1000,
    seconds: busy.runtime / 1000,
  };
}
