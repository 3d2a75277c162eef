import * as fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { getSystemErrorMap } from 'node:util';
import { HarnessError, type DeviceGeometry } from '../contract/index.ts';
import { deviceFacts, deviceNumberOf, geometryOf, type DeviceFacts } from './device-facts.ts';

export interface TargetOptions {
  readonly access?: 'read-write' | 'read-only';
  /** Logical block size of a regular file, 4096 unless given. A block device has its own. */
  readonly logicalBlockBytes?: 512 | 4096;
  /** Only the first blocks are used, so that an ownership stamp at the end stays untouched. */
  readonly capacityBlocks?: number;
  /** `major:minor` that the block device must have: the one that was checked before. */
  readonly deviceNumber?: string;
}

export interface DeviceTarget {
  readonly path: string;
  readonly fd: number;
  readonly facts: DeviceFacts;
  readonly geometry: DeviceGeometry;
}

const busyAttempts = 6;
const busyPauseMs = 10;

export type Caching = 'direct' | 'buffered';

/**
 * Opens a block device, exclusively, or a regular file. Throws SYSTEM_CALL_FAILED with the cause:
 * EBUSY is a device that is mounted or held by somebody else.
 */
export async function openTarget(
  path: string,
  options: TargetOptions,
  caching: Caching = 'direct',
): Promise<DeviceTarget> {
  const facts = await deviceFacts(path);
  refuseReadOnlyMedium(path, facts, options);
  const { capacityBlocks, logicalBlockBytes = 4096 } = options;
  const geometry = geometryOf(facts, { logicalBlockBytes, capacityBlocks });
  const fd = await openFile(path, flagsFor(facts, options, caching));
  try {
    checkIdentity(path, fd, facts, options.deviceNumber);
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
  return { path, fd, facts, geometry };
}

/** The kernel opens a read-only block device for writing, and then fails every write. */
function refuseReadOnlyMedium(path: string, facts: DeviceFacts, { access }: TargetOptions): void {
  if (access === 'read-only' || facts.kind !== 'block-device' || !facts.isReadOnly) return;
  throw new HarnessError('UNAVAILABLE', `${path} is read-only; name a device that can be written`);
}

/** A name may be given to another device between the look at it and the opening. */
function checkIdentity(
  path: string,
  fd: number,
  facts: DeviceFacts,
  deviceNumber: string | undefined,
): void {
  const opened = fs.fstatSync(fd);
  const openedNumber = opened.isBlockDevice() ? deviceNumberOf(opened.rdev) : undefined;
  const looked = facts.kind === 'block-device' ? facts.deviceNumber : undefined;
  if (openedNumber === looked && openedNumber === (deviceNumber ?? looked)) return;
  throw new HarnessError(
    'DEVICE_REFUSED',
    `${path} is ${openedNumber ?? 'a file'} now and was ${deviceNumber ?? looked ?? 'a file'} when it was checked; check again`,
  );
}

function flagsFor(facts: DeviceFacts, { access }: TargetOptions, caching: Caching): number {
  const { O_RDONLY, O_RDWR, O_DIRECT, O_EXCL } = fs.constants;
  return (
    (access === 'read-only' ? O_RDONLY : O_RDWR) |
    (caching === 'direct' ? O_DIRECT : 0) |
    (facts.kind === 'block-device' ? O_EXCL : 0)
  );
}

/**
 * The kernel lets go of a ring's file a moment after the last answer (io_uring workers drop their
 * reference on their own), so a device that was just disposed of can still be busy.
 */
async function openFile(path: string, flags: number): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    try {
      return fs.openSync(path, flags);
    } catch (error) {
      const failure = error as NodeJS.ErrnoException;
      if (failure.code !== 'EBUSY' || attempt === busyAttempts) throw openError(path, failure);
      await delay(busyPauseMs);
    }
  }
}

function openError(path: string, cause: NodeJS.ErrnoException): HarnessError {
  const [name, text] = getSystemErrorMap().get(cause.errno ?? 0) ?? [cause.code, cause.message];
  return new HarnessError(
    'SYSTEM_CALL_FAILED',
    `open of ${path} failed: ${name} (${text})${adviceFor(cause.code)}`,
    { cause },
  );
}

function adviceFor(code: string | undefined): string {
  switch (code) {
    case 'EBUSY':
      return ': it is mounted or another program holds it; unmount it or end that program';
    case 'EACCES':
    case 'EPERM':
      return ': run as root or as a user that may write to it';
    case 'EINVAL':
      return ': the file system has no direct I/O; use a file on another one';
    case 'EROFS':
      return ': it is read-only';
    case undefined:
    default:
      return '';
  }
}
