import * as fs from 'node:fs';
import { HarnessError } from '../../contract/index.ts';
import { deviceNumberOf } from '../../device/device-facts.ts';
import { openGuarded, type GuardedTarget } from '../../device/guard.ts';
import type { GuardOptions } from '../../device/guard-rules.ts';
import { readBlockDeviceFacts } from '../../device/sysfs.ts';
import type { FioFile } from '../job.ts';
import { openFile } from './open-file.ts';

interface Claim extends AsyncDisposable {
  /** Behind it lies the ownership stamp. */
  readonly endMax: number;
}

/**
 * The block devices that a run writes to: each has passed the guard and is held exclusively until the
 * run is over, so that what its jobs open by the same name is the same device.
 */
export class DeviceClaims implements AsyncDisposable {
  readonly #guard: GuardOptions;
  readonly #claims = new Map<string, Claim>();

  constructor(guard: GuardOptions) {
    this.#guard = guard;
  }

  /** Throws DEVICE_REFUSED, and CONFIG_INVALID where the region reaches over the stamp. */
  async claim({ path, byteOffset, byteCount }: FioFile): Promise<void> {
    const claim = this.#claims.get(path) ?? (await openGuarded(path, this.#guard, hold));
    this.#claims.set(path, claim);
    if (byteOffset + byteCount <= claim.endMax) return;
    throw new HarnessError(
      'CONFIG_INVALID',
      `the job reaches to byte ${byteOffset + byteCount} of ${path}, of which ${claim.endMax} may be written (the last block is kept for the ownership stamp); give it a size`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const claim of this.#claims.values()) await claim[Symbol.asyncDispose]();
    this.#claims.clear();
  }
}

async function hold({ path, deviceNumber, capacityBlocks }: GuardedTarget): Promise<Claim> {
  const { logicalBlockBytes } = readBlockDeviceFacts(path, deviceNumber);
  const fd = openFile(path, fs.constants.O_RDWR | fs.constants.O_EXCL);
  const found = deviceNumberOf(fs.fstatSync(fd).rdev);
  if (found !== deviceNumber) {
    fs.closeSync(fd);
    throw new HarnessError(
      'DEVICE_REFUSED',
      `${path} is ${found} now and was ${deviceNumber} when it was checked; check again`,
    );
  }
  return {
    endMax: capacityBlocks * logicalBlockBytes,
    [Symbol.asyncDispose]: async () => {
      fs.closeSync(fd);
    },
  };
}
