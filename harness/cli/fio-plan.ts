import { planLines, summarisePlan, type PlanSummary } from '../fio/plan/plan-digest.ts';
import { jobOptionWords } from '../fio/output/job-option-words.ts';
import type { ReadJobs } from './fio-job-files.ts';
import { formatTable } from './text-table.ts';

/** Operations that a digest covers unless more are asked for; a job without an end has no other. */
export const planOpsUsual = 1_000_000;
const linesUsual = 10;

export interface PlannedJob extends PlanSummary {
  readonly file: string;
  readonly job: string;
  readonly clone: number;
  readonly options: Readonly<Record<string, string>>;
  /** The first operations: `write data 4096 8192`. */
  readonly operations: readonly string[];
}

export function planJobs(
  files: readonly ReadJobs[],
  seed: number,
  opsMax: number | undefined,
): readonly PlannedJob[] {
  return files.flatMap(({ name, jobs }) =>
    jobs.map((job) => ({
      file: name,
      job: job.name,
      clone: job.clone,
      options: jobOptionWords(job),
      ...summarisePlan(job, seed, opsMax ?? planOpsUsual),
      operations: [...planLines(job, seed, opsMax ?? linesUsual)],
    })),
  );
}

export function planText(planned: readonly PlannedJob[], seed: number): string {
  const paragraphs = planned.map((plan) => {
    const { file, job, clone, options, digest, ops, opsByKind, bytesByKind, isCut } = plan;
    const kinds = Object.keys(opsByKind).map((kind) => [
      `  ${kind}`,
      opsByKind[kind]!.toLocaleString('en'),
      `${(bytesByKind[kind] ?? 0).toLocaleString('en')} bytes`,
    ]);
    const count = `${ops.toLocaleString('en')} operations${isCut ? ', and more after them' : ''}`;
    return (
      `${file} [${job}]${clone === 0 ? '' : ` clone ${clone}`}: ` +
      `rw=${options['rw'] ?? ''} bs=${options['bs'] ?? ''} iodepth=${options['iodepth'] ?? ''}\n` +
      `  digest ${digest} over ${count}\n${formatTable(kinds)}` +
      plan.operations.map((line) => `    ${line}\n`).join('')
    );
  });
  return `${paragraphs.join('\n')}\nseed ${seed}; nothing was run\n`;
}
