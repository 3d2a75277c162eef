import * as path from 'node:path';
import type { FioFile, FioJob } from '../job.ts';
import type { ProblemList } from './problem.ts';
import type { TargetFacts } from './resolve-files.ts';

/**
 * Two jobs that write one region at the same time are most often a mistake, and each spoils what the
 * other is to find there. Clones of one section share a file because their author said so.
 */
export function checkRegions(
  jobs: readonly FioJob[],
  problems: ProblemList,
  mayShare: boolean,
): void {
  const writers = jobs.filter(({ pattern }) => pattern.access !== 'read');
  const byPath = new Map<string, { readonly job: FioJob; readonly file: FioFile }[]>();
  for (const job of writers) {
    for (const file of job.extent.files) {
      const key = path.normalize(file.path);
      const users = byPath.get(key) ?? [];
      // Only the first clone of a section is held against other sections' jobs: one message is enough.
      for (const other of users) {
        if (overlap(file, other.file)) report(job, other.job, file.path, jobs, problems, mayShare);
      }
      users.push({ job, file });
      byPath.set(key, users);
    }
  }
}

function overlap(one: FioFile, other: FioFile): boolean {
  return (
    one.byteOffset < other.byteOffset + other.byteCount &&
    other.byteOffset < one.byteOffset + one.byteCount
  );
}

function report(
  job: FioJob,
  other: FioJob,
  file: string,
  jobs: readonly FioJob[],
  problems: ProblemList,
  mayShare: boolean,
): void {
  const areClones = job.source.line === other.source.line && job.source.file === other.source.file;
  if (!runTogether(job, other, jobs)) return;
  const isVerified = job.verify.kind !== 'none' || other.verify.kind !== 'none';
  if (areClones) {
    if (!isVerified) return;
    problems.error(
      job.source,
      `the ${job.cloneCount} clones of ${job.name} write one region of ${file}, so none can verify what it wrote`,
      'give each its own part with offset_increment, or leave out filename',
    );
    return;
  }
  const isSaid = job.queue.isOverlapSerialized && other.queue.isOverlapSerialized;
  if ((mayShare || isSaid) && !isVerified) return;
  const fix = isVerified
    ? 'give each its own offset and size, or put stonewall between them'
    : 'give each its own offset and size, put stonewall between them, or say so with serialize_overlap=1 in both';
  problems.error(
    job.source,
    `${job.name} and ${other.name} (line ${other.source.line}) write one region of ${file} at the same time`,
    fix,
  );
}

/** Whether both can be running at one moment. */
function runTogether(job: FioJob, other: FioJob, jobs: readonly FioJob[]): boolean {
  return job.phase === other.phase && !waits(job, other, jobs) && !waits(other, job, jobs);
}

function waits(job: FioJob, other: FioJob, jobs: readonly FioJob[]): boolean {
  if (job.waitsFor === null) return false;
  if (job.waitsFor === other.name) return true;
  const next = jobs.find(
    ({ name, threadNumber }) => name === job.waitsFor && threadNumber < job.threadNumber,
  );
  return next !== undefined && waits(next, other, jobs);
}

export interface Room {
  readonly roomBytes?: number;
  factsOf(path: string): TargetFacts | undefined;
}

/** Whether all files of the jobs fit on the disk. */
export function checkRoom(jobs: readonly FioJob[], problems: ProblemList, room: Room): void {
  const { roomBytes } = room;
  if (roomBytes === undefined) return;
  const growth = new Map<string, number>();
  let total = 0;
  for (const job of jobs) {
    for (const { path: filePath, fileBytes } of job.extent.files) {
      const key = path.normalize(filePath);
      const before = growth.get(key) ?? 0;
      const needed = Math.max(before, fileBytes - (room.factsOf(filePath)?.byteCount ?? 0));
      growth.set(key, needed);
      total += needed - before;
      if (needed > before && total > roomBytes) {
        problems.error(
          job.source,
          `the files of the jobs up to ${job.name} need ${total} bytes, and there is room for ${roomBytes}`,
          'make size or numjobs smaller, or use a larger disk',
        );
        return;
      }
    }
  }
}
