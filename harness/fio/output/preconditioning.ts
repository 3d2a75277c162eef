import type { JobResult } from '../data-plane/job-result.ts';
import { accessWord } from './job-option-words.ts';
import { byteWords } from './number-words.ts';

/**
 * What had been written to a target in the same run before the job began. What others did to it before
 * cannot be known, so an empty list does not mean a fresh drive.
 */
export interface Preconditioning {
  readonly path: string;
  readonly writes: readonly EarlierWrites[];
}

export interface EarlierWrites {
  readonly job: string;
  readonly access: string;
  readonly bytes: number;
  /** Bytes over the size of the target. */
  readonly passes: number;
}

/** `earlier`: results of what ended before the job began, oldest first. */
export function preconditioningOf(
  result: JobResult,
  earlier: readonly JobResult[],
): readonly Preconditioning[] {
  return result.targets
    .filter(({ kind }) => kind === 'regular-file' || kind === 'block-device')
    .map(({ path, fileBytes }) => ({
      path,
      writes: earlier
        .filter(({ targets, directions }) => directions.write.ops > 0 && isOnly(targets, path))
        .map(({ job, directions: { write } }) => ({
          job: job.name,
          access: accessWord(job),
          bytes: write.bytes,
          passes: write.bytes / fileBytes,
        })),
    }));
}

/** A job of several files does not say how much went to each. */
function isOnly(targets: JobResult['targets'], path: string): boolean {
  return targets.length === 1 && targets[0]!.path === path;
}

export function preconditioningWords({ path, writes }: Preconditioning): string {
  if (writes.length === 0) return `preconditioning of ${path}: none in this run, before it unknown`;
  const parts = writes.map(
    ({ job, access, bytes, passes }) =>
      `${byteWords(bytes)} ${access} (${passes.toFixed(2)} × its size) by ${job}`,
  );
  return `preconditioning of ${path}: ${parts.join(', then ')}`;
}
