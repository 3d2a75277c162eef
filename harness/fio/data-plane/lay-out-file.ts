import * as fs from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { HarnessError } from '../../contract/index.ts';
import { allocateRange } from '../../sys/file-calls.ts';
import type { SystemCalls } from '../../sys/libc.ts';
import { fillRandom } from '../contents/buffer-filler.ts';
import type { FioFile, FioJob } from '../job.ts';
import type { TargetUse } from './job-result.ts';

const pieceBytes = 1024 * 1024;

export type Layout = Pick<TargetUse, 'layout' | 'note'>;

/**
 * Makes a regular file as long as its job needs it, as fio does: one that will be read, or overwritten
 * with `overwrite=1`, gets every byte written; one that is only written gets its space by fallocate, in
 * the mode that the job names. What an existing file holds is kept. Throws CONFIG_INVALID where there is
 * no room, INTERRUPTED where `signal` aborts.
 */
export async function layOutFile(
  job: FioJob,
  { path, fileBytes }: FioFile,
  calls: SystemCalls,
  signal: AbortSignal | undefined,
): Promise<Layout> {
  const heldBytes = fs.existsSync(path) ? fs.statSync(path).size : -1;
  if (heldBytes >= fileBytes) return { layout: 'existing', note: '' };
  if (job.files.isCreatedOnOpen) return { layout: 'none', note: '' };
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o644);
  try {
    if (mustBeWritten(job)) {
      await writeBytes(fd, Math.max(heldBytes, 0), fileBytes, path, signal);
      return { layout: 'written', note: '' };
    }
    return allocate(job, fd, path, fileBytes, calls);
  } finally {
    fs.closeSync(fd);
  }
}

function mustBeWritten({ pattern, files }: FioJob): boolean {
  const reads = pattern.access === 'read' || pattern.access === 'rw';
  return reads || files.isOverwritten;
}

async function writeBytes(
  fd: number,
  from: number,
  end: number,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const piece = new Uint8Array(pieceBytes);
  for (let offset = from; offset < end;) {
    if (signal?.aborted === true) {
      throw new HarnessError('INTERRUPTED', `${path} was being written, ${offset} of ${end} bytes`);
    }
    // The event loop must see a signal, and others their timers.
    await turn();
    fillRandom(piece, Math.floor(offset / pieceBytes));
    offset += attempt(path, end, () =>
      fs.writeSync(fd, piece, 0, Math.min(pieceBytes, end - offset), offset),
    );
  }
  attempt(path, end, () => {
    fs.fsyncSync(fd);
  });
}

function allocate(
  { files }: FioJob,
  fd: number,
  path: string,
  byteCount: number,
  calls: SystemCalls,
): Layout {
  switch (files.allocation) {
    case 'none':
      return { layout: 'none', note: 'the file grows as it is written' };
    case 'truncate':
      fs.ftruncateSync(fd, byteCount);
      return { layout: 'sparse', note: '' };
    case 'native':
    case 'posix':
    case 'keep': {
      const keepsSize = files.allocation === 'keep';
      const failure = allocateRange(calls, fd, { byteOffset: 0, byteCount }, keepsSize);
      if (failure === undefined) return { layout: 'allocated', note: '' };
      if (failure === 'ENOSPC') throw noRoom(path, byteCount);
      return { layout: 'none', note: `fallocate answered ${failure}: the file grows` };
    }
  }
}

function attempt<Result>(path: string, byteCount: number, perform: () => Result): Result {
  try {
    return perform();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw noRoom(path, byteCount);
    throw error;
  }
}

function noRoom(path: string, byteCount: number): HarnessError {
  return new HarnessError(
    'CONFIG_INVALID',
    `${path} needs ${byteCount} bytes, and its file system has no room for them; give the job a smaller size`,
  );
}
