import { systemCallError } from './system-call-error.ts';
import type { SystemCalls } from './libc.ts';

/** Flags of mount(2) and umount2(2). */
export const mountFlag = { readOnly: 0x1, noSetUid: 0x2, noDevices: 0x4 } as const;
export const unmountFlag = { force: 0x1, detach: 0x2 } as const;

export interface MountRequest {
  readonly source: string;
  readonly target: string;
  readonly fileSystem: string;
  readonly flags?: number;
  /** Options of the file system: `data=journal,commit=1`. */
  readonly options?: string;
}

/**
 * mount(2), directly: spawning /bin/mount costs several times as much, and an explorer of crash
 * states mounts hundreds of times a second.
 */
export function mountFileSystem(calls: SystemCalls, request: MountRequest): Promise<void> {
  const { source, target, fileSystem, flags = 0, options = null } = request;
  return new Promise((resolve, reject) => {
    calls.mount(source, target, fileSystem, flags, options, (_, result) => {
      if (result === 0) resolve();
      else reject(systemCallError(`mount of ${source} on ${target}`, calls.errno()));
    });
  });
}

/** umount2(2). */
export function unmount(calls: SystemCalls, target: string, flags = 0): Promise<void> {
  return new Promise((resolve, reject) => {
    calls.umount2(target, flags, (_, result) => {
      if (result === 0) resolve();
      else reject(systemCallError(`umount of ${target}`, calls.errno()));
    });
  });
}
