import { Buffer } from 'node:buffer';
import * as fs from 'node:fs';
import { HarnessError } from '../../contract/index.ts';
import { createImage, type SparseImage } from '../image.ts';
import { Unit } from '../unit.ts';

const chunkBytes = 1 << 20;

/**
 * The contents of a file or block device as an image in units of one block: what the drive held before
 * logging began. A target that holds later data already shows recovery what it could not have found,
 * as fstests learned (commit 65cc9a23, generic/482), so every crash state starts from this. All of it
 * unless `byteCount` says how much, from the start.
 */
export function readBaseImage(
  path: string,
  blockBytes: 512 | 4096,
  byteCount?: number,
): SparseImage {
  const fd = openForReading(path);
  try {
    return readFrom(fd, path, blockBytes, byteCount ?? sizeOf(fd));
  } finally {
    fs.closeSync(fd);
  }
}

function readFrom(fd: number, path: string, blockBytes: number, byteCount: number): SparseImage {
  if (byteCount === 0 || byteCount % blockBytes !== 0) {
    throw new HarnessError(
      'CONFIG_INVALID',
      `${path} has ${byteCount} bytes, expected whole blocks of ${blockBytes}`,
    );
  }
  const capacityBlocks = byteCount / blockBytes;
  const geometry = { logicalBlockBytes: blockBytes, capacityBlocks, atomicWriteBlocks: 1 };
  const image = createImage(geometry, 0);
  const zeros = new Unit(new Uint8Array(blockBytes));
  for (let offset = 0; offset < byteCount; offset += chunkBytes) {
    const chunk = Buffer.alloc(Math.min(chunkBytes, byteCount - offset));
    readWhole(fd, path, chunk, offset);
    for (let at = 0; at < chunk.length; at += blockBytes) {
      const bytes = chunk.subarray(at, at + blockBytes);
      // One unit for all zeros; the others get memory of their own, not a share of the chunk.
      const unit = bytes.equals(zeros.bytes) ? zeros : new Unit(new Uint8Array(bytes));
      image.writeUnit((offset + at) / blockBytes, unit);
    }
  }
  return image;
}

/** A block device has no size of its own, but an end. */
function sizeOf(fd: number): number {
  const stat = fs.fstatSync(fd);
  if (stat.isFile()) return stat.size;
  const byte = Buffer.alloc(1);
  const reaches = (bytes: number): boolean => fs.readSync(fd, byte, 0, 1, bytes - 1) === 1;
  let low = 0;
  let high = 512;
  for (; reaches(high); high *= 2) low = high;
  // Sizes are whole sectors of 512 bytes: `low` is reached, `high` is not.
  while (high - low > 512) {
    const middle = low + Math.floor((high - low) / 1024) * 512;
    if (reaches(middle)) low = middle;
    else high = middle;
  }
  return low;
}

function readWhole(fd: number, path: string, target: Buffer, byteOffset: number): void {
  for (let done = 0; done < target.length;) {
    const read = fs.readSync(fd, target, done, target.length - done, byteOffset + done);
    if (read === 0) {
      throw new HarnessError('EVIDENCE_DAMAGED', `${path} ends at byte ${byteOffset + done}`);
    }
    done += read;
  }
}

function openForReading(path: string): number {
  try {
    return fs.openSync(path, 'r');
  } catch (error) {
    throw new HarnessError('UNAVAILABLE', `cannot read ${path}: ${String(error)}`, {
      cause: error,
    });
  }
}
