/**
 * Opens what a job works on, and lets nothing else be written: a block device passes the guard first
 * unless it is only read, and of character devices there are only /dev/null and /dev/zero.
 */
import * as fs from 'node:fs';
import { HarnessError } from '../../contract/index.ts';
import { deviceNumberOf } from '../../device/device-facts.ts';
import { dropDeviceCache } from '../../sys/ioctl.ts';
import type { SystemCalls } from '../../sys/libc.ts';
import type { TransferCalls } from '../../sys/transfer-calls.ts';
import type { FioFile, FioJob } from '../job.ts';
import type { TargetUse } from './job-result.ts';
import type { DeviceClaims } from './device-claims.ts';
import { layOutFile } from './lay-out-file.ts';
import { openFile } from './open-file.ts';

export interface OpenTargets extends Disposable {
  /** One for each file of the job, in its order. */
  readonly fds: readonly number[];
  readonly uses: readonly TargetUse[];
}

export interface TargetAccess {
  readonly calls: SystemCalls;
  readonly transfers: TransferCalls;
  readonly claims: DeviceClaims;
  readonly signal: AbortSignal | undefined;
}

/** posix_fadvise(2). */
const advice = { random: 1, sequential: 2, dontNeed: 4 } as const;

/** Throws DEVICE_REFUSED, CONFIG_INVALID or SYSTEM_CALL_FAILED; nothing stays open then. */
export async function openTargets(job: FioJob, access: TargetAccess): Promise<OpenTargets> {
  const opened = new OpenedFiles(job);
  try {
    for (const file of job.extent.files) await openOne(job, file, access, opened);
    return opened;
  } catch (error) {
    opened[Symbol.dispose]();
    throw error;
  }
}

class OpenedFiles implements OpenTargets {
  readonly fds: number[] = [];
  readonly uses: TargetUse[] = [];
  readonly #job: FioJob;

  constructor(job: FioJob) {
    this.#job = job;
  }

  [Symbol.dispose](): void {
    for (const fd of this.fds.splice(0)) fs.closeSync(fd);
    if (!this.#job.files.isUnlinked) return;
    for (const { path, kind } of this.uses) {
      if (kind === 'regular-file') fs.rmSync(path, { force: true });
    }
  }
}

async function openOne(
  job: FioJob,
  file: FioFile,
  access: TargetAccess,
  opened: OpenedFiles,
): Promise<void> {
  const kind = kindOf(file.path);
  if (kind === 'block-device') await openDevice(job, file, access, opened);
  else if (kind === 'regular-file') await openRegularFile(job, file, access, opened);
  else {
    opened.fds.push(fs.openSync(file.path, isReadOnly(job) ? 'r' : 'r+'));
    opened.uses.push({
      path: file.path,
      kind,
      fileBytes: file.fileBytes,
      layout: 'none',
      note: '',
    });
  }
}

/** The numbers of mem(4). */
const plainDevices: Readonly<Record<string, TargetUse['kind']>> = {
  '1:3': 'null-device',
  '1:5': 'zero-device',
};

function kindOf(path: string): TargetUse['kind'] {
  const found = fs.statSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isFile()) return 'regular-file';
  if (found.isBlockDevice()) return 'block-device';
  const plain = found.isCharacterDevice() ? plainDevices[deviceNumberOf(found.rdev)] : undefined;
  if (plain !== undefined) return plain;
  throw new HarnessError(
    'CONFIG_INVALID',
    `${path} is neither a file, a block device, /dev/null nor /dev/zero; name one of these`,
  );
}

async function openRegularFile(
  job: FioJob,
  file: FioFile,
  { calls, transfers, signal }: TargetAccess,
  opened: OpenedFiles,
): Promise<void> {
  const layout = await layOutFile(job, file, calls, signal);
  const creates = job.files.isCreatedOnOpen ? fs.constants.O_CREAT : 0;
  const fd = openFile(file.path, flagsOf(job) | creates);
  opened.fds.push(fd);
  const { path, fileBytes, byteOffset, byteCount } = file;
  opened.uses.push({ path, kind: 'regular-file', fileBytes, ...layout });
  if (job.files.isCacheInvalidated) {
    transfers.posixFadvise(fd, byteOffset, byteCount, advice.dontNeed);
  }
  const expected = job.pattern.isRandom ? advice.random : advice.sequential;
  transfers.posixFadvise(fd, byteOffset, byteCount, expected);
}

async function openDevice(
  job: FioJob,
  file: FioFile,
  { calls, claims }: TargetAccess,
  opened: OpenedFiles,
): Promise<void> {
  if (!isReadOnly(job)) await claims.claim(file);
  const fd = openFile(file.path, flagsOf(job));
  opened.fds.push(fd);
  if (job.files.isCacheInvalidated && !isReadOnly(job)) dropDeviceCache(calls, fd);
  const { path, fileBytes } = file;
  opened.uses.push({ path, kind: 'block-device', fileBytes, layout: 'none', note: '' });
}

function isReadOnly({ pattern }: FioJob): boolean {
  return pattern.access === 'read';
}

function flagsOf(job: FioJob): number {
  const { O_RDONLY, O_RDWR, O_DIRECT, O_SYNC, O_DSYNC } = fs.constants;
  const { openSync } = job.durability;
  return (
    (isReadOnly(job) ? O_RDONLY : O_RDWR) |
    (job.engine.isDirect ? O_DIRECT : 0) |
    (openSync === 'sync' ? O_SYNC : openSync === 'dsync' ? O_DSYNC : 0)
  );
}
