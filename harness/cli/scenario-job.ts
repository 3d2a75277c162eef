import { HarnessError } from '../contract/index.ts';
import { writesSomething, type FioJob } from '../fio/job.ts';
import { requireJobs } from '../fio/job-file/read-job-file.ts';
import { requiredText, volumeContext, type JobFileWish } from './fio-job-files.ts';
import { suggestion } from './nearest-name.ts';
import type { ScenarioProblem, ScenarioSource } from './scenario-source.ts';

/** `./job.fio`, or `./job.fio#name` for one job of several. */
export function isJobFile(name: string): boolean {
  return /\.fio(#.*)?$/.test(name);
}

/** The job that a scenario runs as its workload. The job's own files do not matter: it has a volume. */
export function scenarioJob(place: string, wish: JobFileWish): FioJob {
  const [name = '', wanted] = place.split('#');
  const text = requiredText(name, wish);
  const { jobs } = requireJobs(text, name, volumeContext(wish));
  const names = [...new Set(jobs.map((job) => job.name))];
  const chosen = wanted ?? (names.length === 1 ? names[0] : undefined);
  const job = jobs.find((one) => one.name === chosen);
  if (job === undefined) {
    const expected = names.map((one) => `${name}#${one}`).join(', ');
    throw invalid(
      `${place}: a scenario runs one job, expected one of ${expected}${suggestion(wanted ?? '', names)}`,
    );
  }
  refuseUseless(job);
  return job;
}

/** A run without writes would be inconclusive in the end, and one of many clones another job. */
function refuseUseless(job: FioJob): void {
  const { name, source, cloneCount } = job;
  const place = `${source.file}:${source.line}`;
  if (!writesSomething(job)) {
    throw invalid(
      `${place}: rw: the job "${name}" writes nothing, and a scenario looks at what became of writes; use rw=randwrite or rw=randrw`,
    );
  }
  if (cloneCount === 1) return;
  throw invalid(
    `${place}: numjobs: a scenario runs one job, and these are ${cloneCount}; write numjobs=1, and iodepth=${cloneCount} for as many writes at once`,
  );
}

/**
 * A scenario whose workload is a job file, with that job in its place; what stands under `with` are
 * options that outrank the file. Undefined where the job cannot be had, which is then among the problems.
 */
export function withItsJob(
  source: ScenarioSource,
  problems: ScenarioProblem[],
): ScenarioSource | undefined {
  const { raw, directory } = source;
  if (typeof raw !== 'object' || raw === null || !('workload' in raw)) return source;
  const { use, options } = workloadOf(raw.workload);
  if (use === undefined || !isJobFile(use)) return source;
  const sets = Object.entries(options).map(([name, value]) => `${name}=${String(value)}`);
  try {
    const job = scenarioJob(use, { directory, sets });
    return { ...source, raw: { ...raw, workload: { use: 'fio', with: job } } };
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    const place = source.place(['workload'], 'value');
    problems.push(...error.message.split('\n').map((line) => `${place}: ${line}`));
    return undefined;
  }
}

function workloadOf(workload: unknown): {
  readonly use: string | undefined;
  readonly options: Readonly<Record<string, unknown>>;
} {
  if (typeof workload === 'string') return { use: workload, options: {} };
  const fields = (workload ?? {}) as { readonly use?: unknown; readonly with?: unknown };
  const { use, with: options } = fields;
  return {
    use: typeof use === 'string' ? use : undefined,
    options: typeof options === 'object' && options !== null ? { ...options } : {},
  };
}

function invalid(message: string): HarnessError {
  return new HarnessError('CONFIG_INVALID', message);
}
