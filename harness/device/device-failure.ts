import { DeviceError, type DeviceErrorCode } from '../contract/index.ts';
import { describeErrno, errnoName } from '../sys/system-call-error.ts';

export type DeviceOperation = DeviceError['operation'];

/**
 * What an errno of the kernel means to an engine. Everything without a code of its own is an I/O
 * error (a detached loop device answers EIO or ENXIO, a read-only one EBADF); the text keeps the name.
 */
export function deviceErrorOf(
  errno: number,
  operation: DeviceOperation,
  where: string,
): DeviceError {
  return new DeviceError(codeOf(errno), operation, `${describeErrno(errno)}, ${where}`);
}

function codeOf(errno: number): DeviceErrorCode {
  const name = errnoName(errno);
  switch (name) {
    case 'EINVAL':
    case 'EOPNOTSUPP':
    case 'ENOSPC':
      return name;
    case 'EDQUOT':
      return 'ENOSPC';
    default:
      return 'EIO';
  }
}
