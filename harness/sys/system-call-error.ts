import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { HarnessError } from '../contract/index.ts';

/** Second names of a number: `EAGAIN` and `EOPNOTSUPP` are the ones in use here. */
const secondNames = new Set(['EWOULDBLOCK', 'ENOTSUP']);

const names = new Map<number, string>(
  Object.entries(constants.errno)
    .filter(([name]) => !secondNames.has(name))
    .map(([name, errno]) => [errno, name]),
);

/** `EPERM` for 1; `errno 999` for a number without a name. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

/** `EPERM (operation not permitted)`. */
export function describeErrno(errno: number): string {
  const text = getSystemErrorMap().get(-errno)?.[1];
  return text === undefined ? errnoName(errno) : `${errnoName(errno)} (${text})`;
}

/** The failure of a system call, as the harness reports it; `advice` says what to do about it. */
export function systemCallError(call: string, errno: number, advice?: string): HarnessError {
  const tail = advice === undefined ? '' : `: ${advice}`;
  return new HarnessError('SYSTEM_CALL_FAILED', `${call} failed: ${describeErrno(errno)}${tail}`);
}
