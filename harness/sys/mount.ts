import { systemCallError } from './system-call-error.ts';
import type { SystemCalls } from './libc.ts';

/** Flags of mount(2) and umount2(2). */
export const mountFlag = {
  readOnly: 0x1,
  noSetUid: 0x2,
  noDevices: 0x4,
  noAccessTimes: 0x400,
  /** Changes how the mount at the target shares what is mounted below it, and mounts nothing. */
  makePrivate: 0x40000,
} as const;
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
export async function mountFileSystem(calls: SystemCalls, request: MountRequest): Promise<void> {
  const errno = await tryMount(calls, request);
  if (errno !== 0) throw systemCallError(`mount of ${request.source} on ${request.target}`, errno);
}

/** mount(2); answers 0 or the errno, for whom a failure is a result. */
export function tryMount(calls: SystemCalls, request: MountRequest): Promise<number> {
  const { source, target, fileSystem, flags = 0, options = null } = request;
  return new Promise((resolve) => {
    calls.mount(source, target, fileSystem, flags, options, (_, result) => {
      resolve(result === 0 ? 0 : calls.errno());
    });
  });
}

/** umount2(2). */
export async function unmount(calls: SystemCalls, target: string, flags = 0): Promise<void> {
  const errno = await tryUnmount(calls, target, flags);
  if (errno !== 0) throw systemCallError(`umount of ${target}`, errno);
}

/** umount2(2); answers 0 or the errno. */
export function tryUnmount(calls: SystemCalls, target: string, flags = 0): Promise<number> {
  return new Promise((resolve) => {
    calls.umount2(target, flags, (_, result) => {
      resolve(result === 0 ? 0 : calls.errno());
    });
  });
}
