import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { HarnessError } from '../contract/index.ts';
import { runTool } from './system-tool.ts';

export interface LoopOptions {
  /** Logical sector size of the device; 512 unless given. */
  readonly logicalBlockBytes?: 512 | 4096;
  readonly readOnly?: boolean;
  /**
   * The loop driver reads and writes the file with direct I/O, past the page cache of the file
   * system. On unless given; not every file system has it (`LoopDevice.directIo` says).
   */
  readonly directIo?: boolean;
}

export interface LoopDevice extends AsyncDisposable {
  /** `/dev/loopN`. */
  readonly node: string;
  readonly backingFile: string;
  readonly directIo: boolean;
  /** Does nothing when it is detached already. A device that is still open goes with its last close. */
  detach(): Promise<void>;
}

/** Puts a loop device over a file. Needs root; throws SYSTEM_CALL_FAILED or UNAVAILABLE. */
export async function createLoopDevice(
  backingFile: string,
  options: LoopOptions = {},
): Promise<LoopDevice> {
  const file = await realpath(backingFile);
  const node = await attach(file, options);
  const directIo = (options.directIo ?? true) && (await switchToDirectIo(node));
  const detach = (): Promise<void> => detachLoopDevice(node, file);
  return { node, backingFile: file, directIo, detach, [Symbol.asyncDispose]: detach };
}

async function attach(file: string, options: LoopOptions): Promise<string> {
  const { logicalBlockBytes = 512, readOnly = false } = options;
  const stdout = await losetup([
    '--find',
    '--show',
    '--sector-size',
    String(logicalBlockBytes),
    ...(readOnly ? ['--read-only'] : []),
    file,
  ]);
  return stdout.trim();
}

/** A file system without direct I/O refuses; the device then works through the page cache. */
async function switchToDirectIo(node: string): Promise<boolean> {
  await runTool('losetup', ['--direct-io=on', node]);
  return (await loopAttribute(node, 'dio')) === '1';
}

/** Detaches the device only while it is over this file: the kernel gives node names out again. */
async function detachLoopDevice(node: string, file: string): Promise<void> {
  const current = await loopAttribute(node, 'backing_file');
  if (current !== file && current !== `${file} (deleted)`) return;
  await losetup(['--detach', node]);
}

async function loopAttribute(node: string, name: string): Promise<string | undefined> {
  try {
    return (await readFile(`/sys/block/${path.basename(node)}/loop/${name}`, 'utf8')).trim();
  } catch {
    // A loop device without a file has no such folder.
    return undefined;
  }
}

async function losetup(args: readonly string[]): Promise<string> {
  const answer = await runTool('losetup', args);
  if (answer === undefined) {
    throw new HarnessError('UNAVAILABLE', 'losetup is not installed; install util-linux (mount)');
  }
  if (answer.exitCode === 0) return answer.stdout;
  throw new HarnessError(
    'SYSTEM_CALL_FAILED',
    `losetup ${args.join(' ')} failed: ${answer.stderr.trim()}`,
  );
}
