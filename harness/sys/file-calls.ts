/**
 * What node:fs lacks of the calls on open files. Each answers undefined, or the name of the errno: what
 * a file system under test answers is data.
 */
import { errnoName } from './system-call-error.ts';
import type { SystemCalls } from './libc.ts';

/** include/uapi/linux/falloc.h */
const keepSizeMode = 0x1;
const punchHoleMode = 0x2;
/** WAIT_BEFORE, WRITE and WAIT_AFTER (sync_file_range(2)). */
const writeAndWait = 0x1 | 0x2 | 0x4;

export interface FileRange {
  readonly byteOffset: number;
  readonly byteCount: number;
}

/** fallocate(2): space for the range, which reads as zeros where it held nothing. */
export function allocateRange(
  calls: SystemCalls,
  fd: number,
  { byteOffset, byteCount }: FileRange,
  keepSize: boolean,
): string | undefined {
  return failureOf(calls, calls.fallocate(fd, keepSize ? keepSizeMode : 0, byteOffset, byteCount));
}

/** fallocate(2) with FALLOC_FL_PUNCH_HOLE, which must go with FALLOC_FL_KEEP_SIZE. */
export function punchRange(
  calls: SystemCalls,
  fd: number,
  { byteOffset, byteCount }: FileRange,
): string | undefined {
  const mode = punchHoleMode | keepSizeMode;
  return failureOf(calls, calls.fallocate(fd, mode, byteOffset, byteCount));
}

/** sync_file_range(2) over the whole file: no metadata, no flush of the drive's cache. */
export function writeBackFile(calls: SystemCalls, fd: number): string | undefined {
  return failureOf(calls, calls.syncFileRange(fd, 0, 0, writeAndWait));
}

/** syncfs(2): the file system that the open file is on. */
export function syncFileSystem(calls: SystemCalls, fd: number): string | undefined {
  return failureOf(calls, calls.syncfs(fd));
}

function failureOf(calls: SystemCalls, result: number): string | undefined {
  return result === 0 ? undefined : errnoName(calls.errno());
}
