/**
 * Crash states as the kernel sees them: an image is put where it can be mounted, the file system
 * recovers, the whole tree is read, it is unmounted and checked, and everything that this wrote is
 * taken back.
 */
import * as fs from 'node:fs';
import {
  HarnessError,
  type FileSystemRecipe,
  type ObservedTree,
  type RecoveredFiles,
} from '../contract/index.ts';
import type { SparseImage } from '../drive/image.ts';
import type { FileRange } from '../sys/file-calls.ts';
import { loadSystemCalls, type SystemCalls } from '../sys/libc.ts';
import { mountFlag, tryMount } from '../sys/mount.ts';
import { describeErrno, errnoName } from '../sys/system-call-error.ts';
import { CheckMemory, CheckScope, runChecked, type CheckAnswer } from './mounted-check.ts';
import {
  MountedImage,
  unmountWhenFree,
  type MountResources,
  type WritesFoundBy,
} from './mounted-image.ts';
import { errnoOf, readTree } from './mounted-tree.ts';

export type { MountResources, WritesFoundBy } from './mounted-image.ts';

export interface StateMounterOptions {
  readonly recipe: FileSystemRecipe;
  /**
   * The file system as it was made, before the workload. It is mounted once, so that a crash state is
   * never blamed for what the host cannot mount; what is in its tree is its own (`lost+found`) and is
   * left out of every state's.
   */
  readonly fresh: SparseImage;
  readonly logicalBlockBytes: number;
  readonly resources: MountResources;
  /** `trace` unless given; where it cannot be had, comparison takes its place. */
  readonly findWritesBy?: WritesFoundBy;
  /** Checks are the most of the work for a file system with many distinct states. */
  readonly check?: boolean;
}

/** One state at a time. Disposal unmounts, and takes away the device. */
export interface StateMounter extends AsyncDisposable {
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  /**
   * What the file system makes of the image; costs what differs from the image before. Whatever it
   * makes of it is an answer. Throws HarnessError where it was the machine that failed.
   */
  recover(image: SparseImage): Promise<RecoveredFiles>;
  /** How often the check tool was run. */
  checkRuns(): number;
  /** Compares the device with the last image, byte by byte; throws UNAVAILABLE where they differ. */
  verify(): void;
}

/** Needs root. Throws UNAVAILABLE or SYSTEM_CALL_FAILED, also where the fresh image does not mount. */
export async function openStateMounter(options: StateMounterOptions): Promise<StateMounter> {
  const loaded = await loadSystemCalls();
  if (!loaded.available) throw new HarnessError('UNAVAILABLE', loaded.reason);
  const { fresh, logicalBlockBytes, resources, findWritesBy = 'trace' } = options;
  const image = await MountedImage.create(
    loaded.calls,
    fresh,
    logicalBlockBytes,
    resources,
    findWritesBy,
  );
  const mounter = new Mounter(loaded.calls, image, options);
  try {
    await mounter.learnOwnNames(fresh);
    return mounter;
  } catch (error) {
    await mounter[Symbol.asyncDispose]();
    throw error;
  }
}

class Mounter implements StateMounter {
  readonly #calls: SystemCalls;
  readonly #device: MountedImage;
  readonly #recipe: FileSystemRecipe;
  readonly #wantsCheck: boolean;
  readonly #checks: CheckMemory;
  #ownNames: readonly string[] = [];
  #isMounted = false;
  /** Set when the device could not be left as it was: no state can be shown on it any more. */
  #broken: string | undefined;

  constructor(calls: SystemCalls, device: MountedImage, { recipe, check }: StateMounterOptions) {
    this.#calls = calls;
    this.#device = device;
    this.#recipe = recipe;
    this.#wantsCheck = check ?? true;
    this.#checks = new CheckMemory(recipe);
  }

  get facts(): StateMounter['facts'] {
    const { node, writesFoundBy, reason } = this.#device;
    return { node, writesFoundBy, ...(reason === '' ? {} : { noTraceBecause: reason }) };
  }

  checkRuns(): number {
    return this.#checks.runs;
  }

  verify(): void {
    this.#device.verify();
  }

  async learnOwnNames(fresh: SparseImage): Promise<void> {
    const recovered = await this.recover(fresh);
    if (!recovered.opened) {
      throw new HarnessError(
        'UNAVAILABLE',
        `a fresh ${this.#recipe.type} does not mount with "${this.#recipe.mountOptions}": ${recovered.message}`,
      );
    }
    this.#ownNames = [...recovered.tree.keys()].filter((path) => !path.includes('/'));
  }

  async recover(image: SparseImage): Promise<RecoveredFiles> {
    if (this.#broken !== undefined) throw new HarnessError('UNAVAILABLE', this.#broken);
    const scope = new CheckScope(this.#calls);
    try {
      await this.#device.show(image);
      const read = await this.#mountAndRead(scope);
      const changed = this.#device.changedRanges();
      const check =
        read.opened && this.#wantsCheck ? await this.#check(image, scope, changed) : undefined;
      this.#device.rollBack(changed);
      return read.opened ? { ...read, check } : read;
    } catch (error) {
      await this.#putBack();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isMounted) await this.#unmount();
    await this.#device[Symbol.asyncDispose]();
  }

  async #mountAndRead(scope: CheckScope): Promise<RecoveredFiles> {
    const failed = (await this.#repair()) ?? (await this.#mount());
    if (failed !== undefined) return failed;
    const read = this.#readMounted(scope);
    await this.#unmount();
    return read;
  }

  /** After a failure of the machine: the next state must find the device as this one should have. */
  async #putBack(): Promise<void> {
    try {
      if (this.#isMounted) await this.#unmount();
      this.#device.rollBack(this.#device.changedRanges());
    } catch (error) {
      this.#broken = `the device of the crash states could not be put back: ${String(error)}`;
    }
  }

  async #repair(): Promise<RecoveredFiles | undefined> {
    const { repair } = this.#recipe;
    if (repair === undefined) return undefined;
    const { program, args } = repair.command(this.#device.node);
    const { exitCode, output } = await runChecked(program, args);
    if (repair.exitCodes.includes(exitCode)) return undefined;
    return failedAt('repair', `${program} ended with ${exitCode}: ${output}`);
  }

  async #mount(): Promise<RecoveredFiles | undefined> {
    const { type, mountOptions } = this.#recipe;
    const { node, mountPoint } = this.#device;
    const errno = await withinTime(
      `the mount of ${node} as ${type}`,
      tryMount(this.#calls, {
        source: node,
        target: mountPoint,
        fileSystem: type,
        flags: mountFlag.noAccessTimes,
        ...(mountOptions === '' ? {} : { options: mountOptions }),
      }),
    );
    if (errno === 0) {
      this.#isMounted = true;
      return undefined;
    }
    if (isOfTheMachine(errno)) {
      throw new HarnessError(
        'UNAVAILABLE',
        `mount of ${node} as ${type} failed: ${describeErrno(errno)}`,
      );
    }
    return failedAt('mount', describeErrno(errno));
  }

  #readMounted(scope: CheckScope): RecoveredFiles {
    const { mountPoint } = this.#device;
    try {
      const tree = readTree(mountPoint, (fd) => {
        scope.addFile(fd);
      });
      const fd = fs.openSync(mountPoint, 'r');
      scope.addFileSystem(fd);
      fs.closeSync(fd);
      return { opened: true, tree: this.#withoutOwnNames(tree), check: undefined };
    } catch (error) {
      return failedAt('read', `the root directory cannot be read: ${errnoOf(error)}`);
    }
  }

  #withoutOwnNames(tree: ObservedTree): ObservedTree {
    if (this.#ownNames.length === 0) return tree;
    const isOwn = (path: string): boolean =>
      this.#ownNames.some((name) => path === name || path.startsWith(`${name}/`));
    return new Map([...tree].filter(([path]) => !isOwn(path)));
  }

  async #unmount(): Promise<void> {
    const { mountPoint } = this.#device;
    const errno = await withinTime(
      `the unmount of ${mountPoint}`,
      unmountWhenFree(this.#calls, mountPoint),
    );
    if (errno !== 0) {
      const reason = describeErrno(errno);
      throw new HarnessError(
        'UNAVAILABLE',
        `umount of ${mountPoint} failed: ${reason}; some program may be using it`,
      );
    }
    this.#isMounted = false;
    await this.#device.waitUntilFree();
  }

  #check(
    image: SparseImage,
    scope: CheckScope,
    changed: readonly FileRange[],
  ): Promise<CheckAnswer | undefined> {
    const device = this.#device;
    const digest = scope.digest(this.#recipe.type, image, changed, (byteOffset, target) => {
      device.read(byteOffset, target);
    });
    return this.#checks.check(device.node, digest);
  }
}

function failedAt(
  step: Extract<RecoveredFiles, { opened: false }>['step'],
  message: string,
): RecoveredFiles {
  return { opened: false, step, message };
}

/**
 * What mount(2) says of the machine or of how it was called. Anything else (EINVAL of a superblock that
 * is none, EUCLEAN, EBADMSG, EIO) is the file system's answer to the image.
 */
const errnosOfTheMachine = new Set([
  'ENOMEM',
  'ENODEV',
  'ENOENT',
  'ENOTDIR',
  'ENOTBLK',
  'ENXIO',
  'EPERM',
  'EACCES',
  'EBUSY',
  // Btrfs before Linux 6.7 has a file system of that UUID mounted already.
  'EEXIST',
  'EMFILE',
  'ENFILE',
  'EINTR',
  'EFAULT',
  'ELOOP',
  'ENAMETOOLONG',
  'ENOSYS',
]);

export function isOfTheMachine(errno: number): boolean {
  return errnosOfTheMachine.has(errnoName(errno));
}

const systemCallMs = 60_000;

/** A call that hangs in the kernel cannot be taken back, but nobody need wait for it. */
async function withinTime<T>(what: string, call: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new HarnessError('UNAVAILABLE', `${what} has not ended after ${systemCallMs} ms`));
    }, systemCallMs);
  });
  try {
    return await Promise.race([call, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}
