import { execa } from 'execa';
import * as fs from 'node:fs';
import {
  HarnessError,
  type DeviceCommand,
  type EngineFacts,
  type FileSystemRecipe,
} from '../contract/index.ts';
import { readMountTable } from '../device/mount-table.ts';
import { searchPath } from '../device/system-tool.ts';
import { loadSystemCalls, type SystemCalls } from '../sys/libc.ts';
import { mountFileSystem, unmount } from '../sys/mount.ts';

/** Told of what is about to be made, so that it can be taken away whatever happens. */
export interface FileSystemResources {
  makeDirectory(name: string): string;
  holdMount(target: string): unknown;
}

/** A file system that is mounted for a workload. Disposal unmounts it, if it still is. */
export interface MountedFileSystem extends AsyncDisposable {
  /** The directory that it is mounted on. */
  readonly root: string;
  /** How the kernel says that it is mounted, for the report. */
  readonly facts: EngineFacts;
}

const makeWithinMs = 120_000;

/**
 * Makes the file system and sees to it that all of it is durable: what a crash leaves of a file
 * system that was never made whole says nothing about it.
 */
export async function makeFileSystem(recipe: FileSystemRecipe, node: string): Promise<void> {
  await runMaker(recipe.make(node));
  const fd = fs.openSync(node, 'r+');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

async function runMaker({ program, args }: DeviceCommand): Promise<void> {
  const { exitCode, failed, stderr, code } = await execa(program, args, {
    reject: false,
    timeout: makeWithinMs,
    env: {
      PATH: searchPath,
      // Times in the superblock would make two runs of one seed differ.
      SOURCE_DATE_EPOCH: '1000000000',
      E2FSPROGS_FAKE_TIME: '1000000000',
    },
  });
  if (!failed) return;
  const why =
    code === 'ENOENT'
      ? 'it is not installed (powercut doctor says which package has it)'
      : `exit code ${exitCode ?? 'none'}: ${stderr.trim()}`;
  throw new HarnessError('UNAVAILABLE', `${[program, ...args].join(' ')}: ${why}`);
}

/** Mounts what makeFileSystem made, for the workload. */
export async function mountMade(
  { type, mountOptions }: FileSystemRecipe,
  node: string,
  resources: FileSystemResources,
): Promise<MountedFileSystem> {
  const loaded = await loadSystemCalls();
  if (!loaded.available) throw new HarnessError('UNAVAILABLE', loaded.reason);
  const { calls } = loaded;
  // The mount table names places without symbolic links.
  const root = fs.realpathSync(resources.makeDirectory('mount'));
  resources.holdMount(root);
  await mountFileSystem(calls, {
    source: node,
    target: root,
    fileSystem: type,
    options: mountOptions,
  });
  return {
    root,
    facts: await factsOf(root),
    [Symbol.asyncDispose]: () => unmountIfMounted(calls, root),
  };
}

async function factsOf(root: string): Promise<EngineFacts> {
  const entry = (await readMountTable()).find(({ mountPoint }) => mountPoint === root);
  if (entry === undefined) throw new HarnessError('UNAVAILABLE', `${root} is not mounted`);
  return { fileSystem: entry.fileSystem, mountOptions: entry.options };
}

async function unmountIfMounted(calls: SystemCalls, root: string): Promise<void> {
  const isMounted = (await readMountTable()).some(({ mountPoint }) => mountPoint === root);
  if (isMounted) await unmount(calls, root);
}
