import * as fs from 'node:fs';
import type { DeviceGeometry } from '../contract/index.ts';

/** Every file system and volume manager has its magic within this much of one end. */
const endBytes = 2 ** 20;

/**
 * Writes zeros over both ends of a device on which this run made a file system. What bears a signature
 * is refused as somebody's data, and so would the device be by the next run.
 */
export function eraseSignatures(
  node: string,
  { logicalBlockBytes, capacityBlocks }: DeviceGeometry,
): void {
  const byteCount = logicalBlockBytes * capacityBlocks;
  const zeros = new Uint8Array(Math.min(endBytes, byteCount));
  const fd = fs.openSync(node, 'r+');
  try {
    for (const position of [0, byteCount - zeros.length]) {
      fs.writeSync(fd, zeros, 0, zeros.length, position);
    }
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
