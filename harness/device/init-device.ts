import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { HarnessError } from '../contract/index.ts';
import { admitted, guardInit } from './guard.ts';
import { identityOf, type GuardOptions } from './guard-rules.ts';
import { encodeStamp, type OwnershipStamp } from './ownership-stamp.ts';

export interface InitDeviceOptions extends GuardOptions {
  /** The serial number as the user typed it, after being shown what the device is and holds. */
  readonly typedSerial: string;
  /** Goes into the stamp; a random one. */
  readonly uuid: string;
}

/**
 * Gives a disk to this program for good: writes the ownership stamp into its last block. What else is
 * on the disk counts as lost from then on. Throws DEVICE_REFUSED, with nothing written, where a rule
 * of the guard does not hold or the serial number typed is not that of the disk.
 */
export async function initDevice(
  path: string,
  options: InitDeviceOptions,
): Promise<OwnershipStamp> {
  const { facts } = admitted(await guardInit(path, options));
  const serial = identityOf(facts, options);
  if (serial === undefined || serial !== options.typedSerial) {
    throw new HarnessError(
      'DEVICE_REFUSED',
      `the serial number typed, "${options.typedSerial}", is not that of ${path} (${serial ?? 'none'})`,
    );
  }
  const stamp: OwnershipStamp = { uuid: options.uuid, serial, byteCount: facts.byteCount };
  await using device = await open(path, constants.O_RDWR | constants.O_EXCL);
  admitted(await guardInit(path, { ...options, isHeldByUs: true }));
  const block = encodeStamp(stamp, facts.logicalBlockBytes);
  await device.write(block, 0, block.byteLength, facts.byteCount - block.byteLength);
  await device.sync();
  return stamp;
}
