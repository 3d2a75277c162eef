import { requireJobs } from '../job-file/read-job-file.ts';
import { runFio, type FioParameters } from '../../measure/fio.ts';
import { percentileNs } from '../data-plane/latency-buckets.ts';
import type { RingTuning } from '../data-plane/ring-driver.ts';
import { runJob } from '../data-plane/run-job.ts';
import type { FioJob } from '../job.ts';

/** What one run of one side comes to. */
export interface Figures {
  readonly iops: number;
  /** From taking up an operation to its completion. */
  readonly latencyP50Ns: number;
  /** User and system time of everything that runs the job. */
  readonly cpuPerOpNs: number;
}

export async function measureFio(options: FioParameters, seconds: number): Promise<Figures> {
  const answer = await runFio({ ...options, time_based: 1, runtime: milliseconds(seconds) });
  return {
    iops: answer.operationsPerSecond,
    latencyP50Ns: answer.latencyP50Ns,
    cpuPerOpNs: (answer.cpuMicroseconds * 1000) / answer.operations,
  };
}

export async function measureOurs(
  options: FioParameters,
  seconds: number,
  tuning: RingTuning,
): Promise<Figures> {
  const job = jobOf({ ...options, time_based: 1, runtime: milliseconds(seconds) });
  const { directions, runtimeNs, cpu, errors } = await runJob(job, { tuning });
  if (errors.first !== undefined) throw new Error(`${job.name}: ${errors.first.errno}`);
  const busy = directions.write.ops > 0 ? directions.write : directions.read;
  return {
    iops: busy.ops / (runtimeNs / 1e9),
    latencyP50Ns: percentileNs(busy.total, 50),
    cpuPerOpNs: (cpu.userNs + cpu.systemNs + cpu.ringWorkersNs) / busy.ops,
  };
}

function milliseconds(seconds: number): string {
  return `${Math.round(seconds * 1000)}ms`;
}

function jobOf(options: FioParameters): FioJob {
  const lines = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  const { jobs } = requireJobs(['[ours]', ...lines].join('\n'), 'against-fio', {
    environment: {},
    machine: { pageBytes: 4096, cpuCount: 1, memoryMebibytes: 1024 },
    readInclude: () => undefined,
    factsOf: () => undefined,
    lbaBytes: 512,
    nearestName: () => undefined,
  });
  return jobs[0]!;
}
