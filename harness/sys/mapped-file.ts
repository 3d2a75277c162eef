/**
 * A file on tmpfs, mapped shared: what is written here is in the page cache that read(2), write(2) and
 * a loop device over the file work on. The view never leaves this class, because it must not be touched
 * once the range has been unmapped.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mapFailed } from './memory.ts';
import { systemCallError } from './system-call-error.ts';
import type { Pointer, SystemCalls } from './libc.ts';

const protectionReadWrite = 1 | 2;
/** MAP_SHARED and MAP_POPULATE: every page is there before the first comparison. */
const mapSharedPopulated = 0x01 | 0x8000;

/** Compared at once; what differs is then looked at in pages. */
const chunkBytes = 64 * 1024;
const pageBytes = 4096;

export class MappedFile implements Disposable {
  readonly byteCount: number;
  readonly #calls: SystemCalls;
  readonly #pointer: Pointer;
  #bytes: Buffer | undefined;

  /** The file must have `byteCount` bytes, all of them allocated. Throws SYSTEM_CALL_FAILED. */
  constructor(calls: SystemCalls, fd: number, byteCount: number) {
    this.byteCount = byteCount;
    this.#calls = calls;
    this.#pointer = calls.mmap(null, byteCount, protectionReadWrite, mapSharedPopulated, fd, 0);
    if (this.#pointer === mapFailed) throw systemCallError('mmap of a file', calls.errno());
    this.#bytes = Buffer.from(calls.view(this.#pointer, byteCount));
  }

  write(byteOffset: number, source: Uint8Array): void {
    this.#memory().set(source, byteOffset);
  }

  read(byteOffset: number, target: Uint8Array): void {
    target.set(this.#memory().subarray(byteOffset, byteOffset + target.length));
  }

  /** Offsets of the pages of 4096 bytes in which the file differs from `expected`, ascending. */
  pagesUnlike(expected: Uint8Array): number[] {
    const bytes = this.#memory();
    assert(expected.length === this.byteCount, 'only a whole file is compared');
    const found: number[] = [];
    for (let start = 0; start < this.byteCount; start += chunkBytes) {
      const end = Math.min(start + chunkBytes, this.byteCount);
      if (isSame(bytes, expected, start, end)) continue;
      for (let page = start; page < end; page += pageBytes) {
        if (!isSame(bytes, expected, page, Math.min(page + pageBytes, end))) found.push(page);
      }
    }
    return found;
  }

  [Symbol.dispose](): void {
    if (this.#bytes === undefined) return;
    this.#bytes = undefined;
    this.#calls.munmap(this.#pointer, this.byteCount);
  }

  #memory(): Buffer {
    assert(this.#bytes !== undefined, 'the mapping has been given back');
    return this.#bytes;
  }
}

function isSame(bytes: Buffer, expected: Uint8Array, from: number, to: number): boolean {
  return bytes.compare(expected, from, to, from, to) === 0;
}
