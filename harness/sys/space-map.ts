/** What the blocks of a mounted file system are used for: GETFSMAP (ioctl_getfsmap(2)) and FIEMAP. */
import { Buffer } from 'node:buffer';
import type { FileRange } from './file-calls.ts';
import type { SystemCalls } from './libc.ts';

const getFsmapRequest = 0xc0c0583b;
const fiemapRequest = 0xc020660b;

const fsmapHeadBytes = 192;
const fsmapRecordBytes = 64;
const fsmapRecords = 512;
/** include/uapi/linux/fsmap.h. */
const ownerFree = 1n;
const flagSpecialOwner = 0x10;
const flagLast = 0x20;

const fiemapHeadBytes = 32;
const fiemapExtentBytes = 56;
const fiemapExtents = 256;
const extentLast = 0x1;
/** UNKNOWN, DELALLOC and DATA_INLINE: there is no range of the device that is the file's alone. */
const extentWithoutPlace = 0x2 | 0x4 | 0x200;

export interface UsedRange extends FileRange {
  readonly use: 'free' | 'other';
}

// A thread maps thousands of states, and one call is over before the next begins.
const fsmapMemory = Buffer.alloc(fsmapHeadBytes + fsmapRecords * fsmapRecordBytes);
const fiemapMemory = Buffer.alloc(fiemapHeadBytes + fiemapExtents * fiemapExtentBytes);

/**
 * The use of every range of the device, as far as the file system says. Undefined where it does not
 * have the call. `fd` is any open file or directory on it.
 */
export function spaceMap(calls: SystemCalls, fd: number): readonly UsedRange[] | undefined {
  const memory = fsmapMemory.fill(0);
  memory.writeUInt32LE(fsmapRecords, 8);
  // The second key is the highest possible one.
  memory.fill(0xff, 64 + fsmapRecordBytes, 64 + fsmapRecordBytes + 32);
  if (calls.ioctl(fd, getFsmapRequest, memory) < 0) return undefined;
  const count = memory.readUInt32LE(12);
  const found: UsedRange[] = [];
  let isLast = count === 0;
  for (let index = 0; index < count; index++) {
    const place = fsmapHeadBytes + index * fsmapRecordBytes;
    const flags = memory.readUInt32LE(place + 4);
    isLast = (flags & flagLast) !== 0;
    found.push({
      use: useOf(flags, memory.readBigUInt64LE(place + 16)),
      byteOffset: Number(memory.readBigUInt64LE(place + 8)),
      byteCount: Number(memory.readBigUInt64LE(place + 32)),
    });
  }
  // A device too fragmented for the answer is as one without the call.
  return isLast ? found : undefined;
}

function useOf(flags: number, owner: bigint): UsedRange['use'] {
  const isFree = (flags & flagSpecialOwner) !== 0 && owner === ownerFree;
  return isFree ? 'free' : 'other';
}

/** Where the data of an open file lies on the device. Undefined where that cannot be said. */
export function fileExtents(calls: SystemCalls, fd: number): readonly FileRange[] | undefined {
  const memory = fiemapMemory.fill(0, 0, fiemapHeadBytes);
  memory.fill(0xff, 8, 16);
  memory.writeUInt32LE(fiemapExtents, 24);
  if (calls.ioctl(fd, fiemapRequest, memory) < 0) return undefined;
  const count = memory.readUInt32LE(20);
  const found: FileRange[] = [];
  let isLast = count === 0;
  for (let index = 0; index < count; index++) {
    const place = fiemapHeadBytes + index * fiemapExtentBytes;
    const flags = memory.readUInt32LE(place + 40);
    isLast = (flags & extentLast) !== 0;
    if ((flags & extentWithoutPlace) !== 0) continue;
    found.push({
      byteOffset: Number(memory.readBigUInt64LE(place + 8)),
      byteCount: Number(memory.readBigUInt64LE(place + 16)),
    });
  }
  return isLast ? found : undefined;
}
