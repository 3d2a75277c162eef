/**
 * The only place that turns JavaScript memory into addresses. The kernel reads and writes wherever an
 * SQE points to, so an address leaves this file only for a view of a mapping that this file made and
 * has not given back.
 *
 * Giving back is done in two steps. Views cannot be detached (a transfer copies), and code that keeps
 * one too long must not crash the process. So disposal drops the pages (a stale view then reads
 * zeros) and the address range itself goes back only when the last view has been collected.
 */
import assert from 'node:assert/strict';
import { systemCallError } from './system-call-error.ts';
import type { Pointer, SystemCalls } from './libc.ts';

/** What an address in an SQE must be: only an Arena makes one. */
export type ArenaAddress = number & { readonly [arenaAddress]: true };
declare const arenaAddress: unique symbol;

export const pageBytes = 4096;
/** Few mappings, and registered buffers stay few; small enough that a tiny device costs little. */
const chunkBytesMin = 1024 * 1024;

const protectionReadWrite = 1 | 2;
const mapPrivateAnonymous = 0x02 | 0x20;
export const mapFailed: Pointer = 2n ** 64n - 1n;
const adviceDontNeed = 4;
const adviceDontFork = 10;
/** madvise(2): a large mapping costs a fault per 2 MiB instead of one per 4 KiB. */
const adviceHugePage = 14;
const hugeFrom = 4 * 1024 * 1024;

interface Chunk {
  /** Its place among the arena's mappings. */
  readonly index: number;
  readonly pointer: Pointer;
  readonly address: number;
  readonly buffer: ArrayBuffer;
  usedBytes: number;
}

/** One mapping of an arena, as it can be registered with a ring. */
export interface ArenaMapping {
  /** Counts up from 0 in each arena. */
  readonly index: number;
  readonly address: ArenaAddress;
  readonly byteCount: number;
}

interface AbandonedRange {
  readonly calls: SystemCalls;
  readonly pointer: Pointer;
  readonly byteCount: number;
}

const unmapWhenCollected = new FinalizationRegistry((range: AbandonedRange) => {
  range.calls.munmap(range.pointer, range.byteCount);
});

/** Page-aligned memory outside the JavaScript heap: it does not move and can be handed to devices. */
export class Arena implements Disposable {
  readonly #calls: SystemCalls;
  readonly #chunks = new Map<ArrayBufferLike, Chunk>();
  #current: Chunk | undefined;
  #mappingCount = 0;
  #disposed = false;

  constructor(calls: SystemCalls) {
    this.#calls = calls;
  }

  /** Zeroed, page-aligned, valid until disposal. Throws SYSTEM_CALL_FAILED when memory is short. */
  allocate(byteCount: number): Uint8Array {
    assert(!this.#disposed, 'the arena has been disposed of');
    assert(Number.isSafeInteger(byteCount) && byteCount >= 0, `a size, not ${byteCount}`);
    const roundedBytes = Math.ceil(byteCount / pageBytes) * pageBytes;
    let chunk = this.#current;
    if (chunk === undefined || chunk.usedBytes + roundedBytes > chunk.buffer.byteLength) {
      chunk = this.#map(Math.max(roundedBytes, chunkBytesMin));
    }
    const view = new Uint8Array(chunk.buffer, chunk.usedBytes, byteCount);
    chunk.usedBytes += roundedBytes;
    return view;
  }

  /** Where the first byte of the view lies, or undefined where the memory is not of this arena. */
  addressOf(view: Uint8Array): ArenaAddress | undefined {
    const chunk = this.#chunks.get(view.buffer);
    // JavaScript keeps a view inside its buffer, and the buffer is the whole mapping.
    return chunk === undefined ? undefined : ((chunk.address + view.byteOffset) as ArenaAddress);
  }

  /** The mapping that the view lies in, or undefined where the memory is not of this arena. */
  mappingOf(view: Uint8Array): ArenaMapping | undefined {
    const chunk = this.#chunks.get(view.buffer);
    if (chunk === undefined) return undefined;
    const { index, address, buffer } = chunk;
    return { index, address: address as ArenaAddress, byteCount: buffer.byteLength };
  }

  /**
   * Gives back a view that has a mapping to itself; others stay until disposal. The caller makes sure
   * that no device still transfers to or from it, and that it is not registered.
   */
  release(view: Uint8Array): void {
    const chunk = this.#chunks.get(view.buffer);
    if (chunk === undefined || view.byteOffset > 0) return;
    if (chunk.usedBytes - view.byteLength >= pageBytes) return;
    this.#chunks.delete(chunk.buffer);
    if (this.#current === chunk) this.#current = undefined;
    this.#abandon(chunk);
  }

  /** The caller makes sure that no device still transfers to or from the memory. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const chunk of this.#chunks.values()) this.#abandon(chunk);
    this.#chunks.clear();
    this.#current = undefined;
  }

  #abandon({ pointer, buffer }: Chunk): void {
    this.#calls.madvise(pointer, buffer.byteLength, adviceDontNeed);
    const byteCount = buffer.byteLength;
    unmapWhenCollected.register(buffer, { calls: this.#calls, pointer, byteCount });
  }

  #map(byteCount: number): Chunk {
    const pointer = this.#calls.mmap(
      null,
      byteCount,
      protectionReadWrite,
      mapPrivateAnonymous,
      -1,
      0,
    );
    if (pointer === mapFailed) {
      const advice = `${byteCount} bytes were asked for; use smaller buffers or free memory`;
      throw systemCallError('mmap', this.#calls.errno(), advice);
    }
    // Only advice: where the kernel has no huge pages, small ones do.
    if (byteCount >= hugeFrom) this.#calls.madvise(pointer, byteCount, adviceHugePage);
    // A child process (losetup, mkfs) must not share pages that a device is writing to (open(2),
    // O_DIRECT and fork).
    this.#calls.madvise(pointer, byteCount, adviceDontFork);
    const buffer = this.#calls.view(pointer, byteCount);
    const index = this.#mappingCount++;
    const chunk: Chunk = { index, pointer, address: Number(pointer), buffer, usedBytes: 0 };
    this.#chunks.set(buffer, chunk);
    this.#current = chunk;
    return chunk;
  }
}
