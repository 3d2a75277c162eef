/**
 * The memory of a device's transfers: what it hands out itself, and bounce buffers for what comes
 * from elsewhere. Each of its mappings is registered with the ring at its first transfer, which spares
 * the kernel the pinning of every page of every request (half the processor time of a 1 MiB read).
 * Where registering is refused, by an old kernel or the limit of locked memory, transfers go without.
 */
import type { IoUring } from '../sys/io-uring.ts';
import type { SystemCalls } from '../sys/libc.ts';
import { Arena, type ArenaAddress, type ArenaMapping } from '../sys/memory.ts';
import { BounceBuffers } from './bounce-buffers.ts';

/** Mappings beyond these are not registered. */
const registeredMax = 256;
/** Registering takes up all of a mapping's memory at once, so a large one is left as it is. */
const registeredBytesMax = 64 * 1024 * 1024;

const unregistered = -1;

/** Where the device transfers to or from. */
export interface Place {
  readonly address: ArenaAddress;
  /** Index of the registered buffer that holds it; negative where none does. */
  readonly bufferIndex: number;
  /** The memory at the address, where it is not the caller's own. */
  readonly bounce: Uint8Array | undefined;
}

export class TransferMemory implements Disposable {
  readonly #arena: Arena;
  readonly #bounces: BounceBuffers;
  readonly #ring: IoUring;
  readonly #alignBytes: number;
  /** By mapping: the index of its registered buffer. */
  readonly #bufferIndexes: number[] = [];
  readonly #words: Uint32Array;
  readonly #wordsAddress: ArenaAddress;
  #isTableReserved: boolean;

  constructor(calls: SystemCalls, ring: IoUring, alignBytes: number) {
    this.#arena = new Arena(calls);
    this.#bounces = new BounceBuffers(this.#arena);
    this.#ring = ring;
    this.#alignBytes = alignBytes;
    const scratch = this.#arena.allocate(16);
    this.#words = new Uint32Array(scratch.buffer, scratch.byteOffset, 4);
    this.#wordsAddress = this.#arena.addressOf(scratch)!;
    this.#isTableReserved = succeeds(() => {
      ring.reserveBuffers(registeredMax);
    });
  }

  allocate(byteCount: number): Uint8Array {
    return this.#arena.allocate(byteCount);
  }

  /** Memory of `allocate` that is used no more; what is registered with the ring stays. */
  giveBack(memory: Uint8Array): void {
    const mapping = this.#arena.mappingOf(memory);
    if (mapping === undefined) return;
    if ((this.#bufferIndexes[mapping.index] ?? unregistered) === unregistered) {
      this.#arena.release(memory);
    }
  }

  /** For a transfer of the caller's memory; hand it to `release` afterwards. */
  placeOf(memory: Uint8Array): Place {
    const isAligned = memory.byteOffset % this.#alignBytes === 0;
    const mapping = isAligned ? this.#arena.mappingOf(memory) : undefined;
    return mapping === undefined ? this.#bounceFor(memory) : this.#placeIn(mapping, memory);
  }

  release({ bounce }: Place): void {
    if (bounce !== undefined) this.#bounces.giveBack(bounce);
  }

  /** The caller makes sure that nothing is in flight. Before the ring is closed. */
  [Symbol.dispose](): void {
    if (this.#isTableReserved) this.#ring.unregisterBuffers();
    this.#isTableReserved = false;
    this.#arena[Symbol.dispose]();
  }

  #bounceFor(memory: Uint8Array): Place {
    const bounce = this.#bounces.borrow(memory.byteLength);
    return this.#placeIn(this.#arena.mappingOf(bounce)!, bounce, bounce);
  }

  #placeIn(mapping: ArenaMapping, memory: Uint8Array, bounce?: Uint8Array): Place {
    const address = (mapping.address + memory.byteOffset) as ArenaAddress;
    return { address, bufferIndex: this.#bufferIndexOf(mapping), bounce };
  }

  #bufferIndexOf(mapping: ArenaMapping): number {
    return (this.#bufferIndexes[mapping.index] ??= this.#register(mapping));
  }

  #register(mapping: ArenaMapping): number {
    const { index, byteCount } = mapping;
    if (!this.#isTableReserved || index >= registeredMax || byteCount > registeredBytesMax) {
      return unregistered;
    }
    const isRegistered = succeeds(() => {
      this.#ring.registerBuffer(index, mapping, this.#words, this.#wordsAddress);
    });
    return isRegistered ? index : unregistered;
  }
}

function succeeds(attempt: () => void): boolean {
  try {
    attempt();
    return true;
  } catch {
    // Refused by the kernel: an optimisation less, for the reasons above.
    return false;
  }
}
