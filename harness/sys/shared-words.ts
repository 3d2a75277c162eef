import { systemCallError } from './system-call-error.ts';
import { mapFailed } from './memory.ts';
import type { Pointer, SystemCalls } from './libc.ts';

const protectionReadWrite = 1 | 2;
const mapShared = 0x01;
const wordBytes = 4;

const unmapWhenCollected = new FinalizationRegistry(
  ({ calls, pointer, byteCount }: Mapping): void => {
    calls.munmap(pointer, byteCount);
  },
);

interface Mapping {
  readonly calls: SystemCalls;
  readonly pointer: Pointer;
  readonly byteCount: number;
}

/**
 * The words of a file that several processes have mapped: what one stores with `Atomics`, another that
 * it wakes afterwards by a system call will load. The file must be that long. The mapping goes when
 * nothing refers to the words any more. Throws SYSTEM_CALL_FAILED.
 */
export function mapSharedWords(calls: SystemCalls, fd: number, wordCount: number): Uint32Array {
  const byteCount = wordCount * wordBytes;
  const pointer = calls.mmap(null, byteCount, protectionReadWrite, mapShared, fd, 0);
  if (pointer === mapFailed) throw systemCallError('mmap', calls.errno());
  const buffer = calls.view(pointer, byteCount);
  unmapWhenCollected.register(buffer, { calls, pointer, byteCount });
  return new Uint32Array(buffer);
}
