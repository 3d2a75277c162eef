import { setTimeout as delay } from 'node:timers/promises';
import type { LoopDevice } from '../device/loop.ts';
import { readMountTable } from '../device/mount-table.ts';
import type { SystemCalls } from '../sys/libc.ts';
import { unmount, unmountFlag } from '../sys/mount.ts';
import type { TwinProcess } from './fuse-process.ts';

/** What a twin under the kernel is made of. */
export interface TwinParts {
  readonly calls: SystemCalls;
  readonly server: TwinProcess;
  readonly deviceFile: string;
  loop: LoopDevice | undefined;
}

/**
 * The server first: whoever still has something on the device then gets EIO at once, and nothing can
 * wait for anything. Does what is left to do; safe to repeat.
 */
export async function takeAway({ server, loop, calls, deviceFile }: TwinParts): Promise<void> {
  await server[Symbol.asyncDispose]();
  await loop?.detach();
  await unmountDevice(calls, deviceFile);
}

const unmountWithinMs = 10_000;
const unmountPauseMs = 10;

/**
 * The loop driver lets go of its file a moment after the last one who had the device open. That may be
 * a copy of a mount in another mount namespace (a sandbox that was set up meanwhile): it goes when that
 * process ends, and the loop device and the mount with it. There is no server any more that could be
 * kept waiting, so it is left to that.
 */
async function unmountDevice(calls: SystemCalls, deviceFile: string): Promise<void> {
  for (let waitedMs = 0; await isMountPoint(deviceFile); waitedMs += unmountPauseMs) {
    const isLast = waitedMs >= unmountWithinMs;
    try {
      await unmount(calls, deviceFile, isLast ? unmountFlag.detach : 0);
    } catch (error) {
      if (isLast) throw error;
      await delay(unmountPauseMs);
    }
  }
}

async function isMountPoint(file: string): Promise<boolean> {
  return (await readMountTable()).some(({ mountPoint }) => mountPoint === file);
}
