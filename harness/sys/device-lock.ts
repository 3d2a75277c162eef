import { setTimeout as delay } from 'node:timers/promises';
import { errnoName, systemCallError } from './system-call-error.ts';
import type { SystemCalls } from './libc.ts';

const lockExclusive = 2;
const lockNonBlocking = 4;
const retryMs = 20;

/**
 * Takes the BSD lock of an open block device, which keeps udev from probing it meanwhile (systemd,
 * "Locking Block Device Access"). udev holds it for moments only, so it is tried until the timeout.
 * It goes with the file descriptor.
 */
export async function lockDevice(calls: SystemCalls, fd: number, timeoutMs: number): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += retryMs) {
    if (calls.flock(fd, lockExclusive | lockNonBlocking) === 0) return;
    const errno = calls.errno();
    if (errnoName(errno) !== 'EAGAIN' || waitedMs >= timeoutMs) {
      throw systemCallError('flock', errno, 'another program has locked the device');
    }
    await delay(retryMs);
  }
}
