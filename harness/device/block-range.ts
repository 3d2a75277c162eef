import { DeviceError, type DeviceGeometry, type Lba } from '../contract/index.ts';

/**
 * EINVAL, as the twin answers, where the bytes are not whole blocks of the device. Checked here, not
 * left to the kernel: writing past the end of a regular file would make it longer.
 */
export function rangeError(
  geometry: DeviceGeometry,
  operation: 'read' | 'write' | 'discard',
  lba: Lba,
  byteCount: number,
): DeviceError | undefined {
  const { logicalBlockBytes, capacityBlocks } = geometry;
  const blockCount = byteCount / logicalBlockBytes;
  const isInside =
    Number.isSafeInteger(lba) &&
    Number.isSafeInteger(blockCount) &&
    lba >= 0 &&
    blockCount > 0 &&
    lba + blockCount <= capacityBlocks;
  if (isInside) return undefined;
  return new DeviceError(
    'EINVAL',
    operation,
    `${byteCount} bytes at LBA ${lba}; expected whole blocks of ${logicalBlockBytes} bytes below LBA ${capacityBlocks}`,
  );
}
