import * as fs from 'node:fs';
import { HarnessError } from '../../contract/index.ts';

/** Throws SYSTEM_CALL_FAILED, with what to do where direct I/O is refused. */
export function openFile(path: string, flags: number): number {
  try {
    return fs.openSync(path, flags, 0o644);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const isDirectRefused = code === 'EINVAL' && (flags & fs.constants.O_DIRECT) !== 0;
    const tail = isDirectRefused ? '; its file system has no direct I/O: leave out direct=1' : '';
    throw new HarnessError('SYSTEM_CALL_FAILED', `${message}${tail}`, { cause: error });
  }
}
