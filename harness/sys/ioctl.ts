/** Block device requests (include/uapi/linux/fs.h), as far as rigs and devices need them. */
import { systemCallError } from './system-call-error.ts';
import type { SystemCalls } from './libc.ts';

const request = {
  blkDiscard: 0x1277,
  blkFlushBuffers: 0x1261,
  blkLogicalBlockBytes: 0x1268,
  blkByteCount: 0x80081272,
} as const;

/** BLKGETSIZE64. */
export function deviceByteCount(calls: SystemCalls, fd: number): number {
  return Number(
    new DataView(query(calls, fd, 'BLKGETSIZE64', request.blkByteCount, 8)).getBigUint64(0, true),
  );
}

/** BLKSSZGET. */
export function deviceLogicalBlockBytes(calls: SystemCalls, fd: number): number {
  return new DataView(query(calls, fd, 'BLKSSZGET', request.blkLogicalBlockBytes, 4)).getInt32(
    0,
    true,
  );
}

/** BLKFLSBUF: writes back and drops the page cache of the device, so that the next read is real. */
export function dropDeviceCache(calls: SystemCalls, fd: number): void {
  if (calls.ioctl(fd, request.blkFlushBuffers, null) < 0) {
    throw systemCallError('ioctl BLKFLSBUF', calls.errno());
  }
}

/**
 * Pages of the device that are in the page cache (cachestat(2)); undefined where the kernel, before
 * Linux 6.5, does not say.
 */
export function cachedPages(calls: SystemCalls, fd: number): number | undefined {
  const statistics = new BigUint64Array(5);
  if (calls.cachestat(fd, new Uint8Array(statistics.buffer)) < 0) return undefined;
  return Number(statistics[0]);
}

/** BLKDISCARD. What the blocks read as afterwards is up to the device. Blocks until it is done. */
export function discardRange(
  calls: SystemCalls,
  fd: number,
  byteOffset: number,
  byteCount: number,
): void {
  const range = new Uint8Array(new BigUint64Array([BigInt(byteOffset), BigInt(byteCount)]).buffer);
  if (calls.ioctl(fd, request.blkDiscard, range) < 0) {
    throw systemCallError('ioctl BLKDISCARD', calls.errno());
  }
}

function query(
  calls: SystemCalls,
  fd: number,
  name: string,
  code: number,
  answerBytes: number,
): ArrayBuffer {
  const answer = new Uint8Array(answerBytes);
  if (calls.ioctl(fd, code, answer) < 0) {
    throw systemCallError(`ioctl ${name}`, calls.errno(), 'it must be a block device');
  }
  return answer.buffer;
}
