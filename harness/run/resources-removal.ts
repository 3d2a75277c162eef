/**
 * How each kind of resource is taken away, now or by `powercut clean` later. A resource is only ever
 * named by something that a run chose itself, and that is checked once more here: a list on disk may
 * say anything.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { HarnessError } from '../contract/index.ts';
import { removeMapping } from '../device/device-mapper.ts';
import { readMountTable } from '../device/mount-table.ts';
import { runTool } from '../device/system-tool.ts';
import { killProcess } from './resources-process.ts';
import { temporaryRoot } from './resources-root.ts';

export type Resource =
  /** A directory under the temporary root; removed with everything in it. */
  | { readonly kind: 'directory'; readonly path: string }
  /** The loop devices over a backing file; found by the file, since the kernel chooses the node. */
  | { readonly kind: 'loop'; readonly backingFile: string }
  /** What is mounted on a directory of the run. */
  | { readonly kind: 'mount'; readonly path: string }
  /** A device-mapper device; all of ours have names that begin with `powercut-`. */
  | { readonly kind: 'device-mapper'; readonly name: string }
  /** A child process; the start time tells it from a later one with the same pid. */
  | { readonly kind: 'process'; readonly pid: number; readonly startTicks: string };

/** Does nothing where it is gone already. Throws where it is not gone afterwards. */
export async function takeAway(resource: Resource): Promise<void> {
  switch (resource.kind) {
    case 'directory':
      removeDirectory(resource.path);
      return;
    case 'loop':
      await detachLoops(resource.backingFile);
      return;
    case 'mount':
      await unmountAll(resource.path);
      return;
    case 'device-mapper':
      await removeMapping(resource.name);
      return;
    case 'process':
      await killProcess(resource);
      return;
    default:
      refuseUnknown(resource);
  }
}

/** For people; of a resource that a later version has listed too. */
export function describeResource(resource: Resource): string {
  switch (resource.kind) {
    case 'directory':
      return `directory ${resource.path}`;
    case 'loop':
      return `loop device over ${resource.backingFile}`;
    case 'mount':
      return `mount on ${resource.path}`;
    case 'device-mapper':
      return `device-mapper device ${resource.name}`;
    case 'process':
      return `process ${resource.pid}`;
    default:
      return `resource ${JSON.stringify(resource)}`;
  }
}

/** To forget what it does not understand would leave it for ever. */
function refuseUnknown(resource: never): never {
  const { kind } = resource as { readonly kind?: unknown };
  throw new HarnessError(
    'UNAVAILABLE',
    `this version of powercut knows no resource of the kind ${JSON.stringify(kind)}: run powercut clean of the version that made it`,
  );
}

function removeDirectory(directory: string): void {
  const isOurs =
    path.resolve(directory) === directory && path.dirname(directory) === temporaryRoot();
  if (!isOurs) {
    throw new HarnessError(
      'DEVICE_REFUSED',
      `will not remove ${directory}: it is not directly under ${temporaryRoot()}`,
    );
  }
  fs.rmSync(directory, { recursive: true, force: true });
}

/** A process that was killed a moment ago may still hold the mount or the device. */
const busyTries = 100;
const busyWaitMs = 50;

/**
 * A loop device that somebody still has open goes with its last close: mkfs, where the run died while it
 * was at work. Until then it is there, and has its file.
 */
async function detachLoops(backingFile: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    const [node] = loopsOver(backingFile);
    if (node === undefined) return;
    const answer = await runTool('losetup', ['--detach', node]);
    if (answer === undefined) {
      throw new HarnessError('UNAVAILABLE', 'losetup is not installed; install util-linux (mount)');
    }
    if (!loopsOver(backingFile).includes(node)) continue;
    if (tries >= busyTries) {
      const said = answer.stderr.trim() || 'some process has it open';
      throw new HarnessError('UNAVAILABLE', `${node} cannot be detached: ${said}`);
    }
    await setTimeout(busyWaitMs);
  }
}

/** As sysfs names it: the file may be deleted by now, and with it its folder. */
function loopsOver(backingFile: string): readonly string[] {
  const files = new Set([backingFile, withRealFolder(backingFile)]);
  return fs
    .readdirSync('/sys/block')
    .filter((name) => name.startsWith('loop'))
    .filter((name) => files.has(backingFileOf(name)))
    .map((name) => `/dev/${name}`);
}

/** Empty for a loop device that is over no file. */
function backingFileOf(name: string): string {
  try {
    const text = fs.readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8');
    return text.replace(/\n$/, '').replace(/ \(deleted\)$/, '');
  } catch {
    return '';
  }
}

async function unmountAll(directory: string): Promise<void> {
  const place = withRealFolder(directory);
  // The mount table names places without symbolic links, and so may who holds one.
  const isInside = rootNames().some((root) => directory.startsWith(`${root}${path.sep}`));
  if (path.resolve(directory) !== directory || !isInside) {
    throw new HarnessError(
      'DEVICE_REFUSED',
      `will not unmount ${directory}: it is not under ${temporaryRoot()}`,
    );
  }
  for (let tries = 1; await isMountPoint(place); tries++) {
    const answer = await runTool('umount', [place]);
    if (answer === undefined) {
      throw new HarnessError('UNAVAILABLE', 'umount is not installed; install util-linux (mount)');
    }
    if (answer.exitCode === 0) continue;
    if (tries >= busyTries) throw new HarnessError('UNAVAILABLE', answer.stderr.trim());
    await setTimeout(busyWaitMs);
  }
}

async function isMountPoint(place: string): Promise<boolean> {
  return (await readMountTable()).some(({ mountPoint }) => mountPoint === place);
}

function rootNames(): readonly string[] {
  const root = temporaryRoot();
  return fs.existsSync(root) ? [root, fs.realpathSync(root)] : [root];
}

/**
 * The kernel names places without symbolic links. The place itself is not looked at: a dead file system
 * that is mounted there would answer with an error.
 */
function withRealFolder(place: string): string {
  const folder = path.dirname(place);
  return fs.existsSync(folder) ? path.join(fs.realpathSync(folder), path.basename(place)) : place;
}
