import assert from 'node:assert/strict';
import type { Crc32c } from '../format/crc32c.ts';
import { encodeSuperblock, superblockBytes, type Superblock } from '../format/superblock.ts';
import { superblockSlots } from '../format/layout.ts';
import type { DeviceIo } from './device-io.ts';

export type SuperblockChange = Partial<Omit<Superblock, 'sequence' | 'identity' | 'layout'>>;

/** Slots of the pair that a sequence number is written to: even 0 and 2, odd 1 and 3. */
export function pairOf(sequence: number): readonly [number, number] {
  return sequence % 2 === 0 ? [0, 2] : [1, 3];
}

/**
 * Keeps the superblock. Updates go one after the other: the next is begun only when the one before
 * is durable, so that a crash finds at least one whole pair.
 */
export class SuperblockStore {
  readonly #io: DeviceIo;
  readonly #crc32c: Crc32c;
  #durable: Superblock;
  #buffer: Uint8Array | undefined;
  #lastUpdate: Promise<void> = Promise.resolve();

  constructor(io: DeviceIo, durable: Superblock, crc32c: Crc32c) {
    this.#io = io;
    this.#durable = durable;
    this.#crc32c = crc32c;
  }

  /** The one that is durable. */
  get durable(): Superblock {
    return this.#durable;
  }

  /** Resolves once the changed superblock is durable in both copies of its pair. */
  update(change: SuperblockChange): Promise<void> {
    const update = this.#lastUpdate.then(() => this.#write(change));
    this.#lastUpdate = update;
    return update;
  }

  async #write(change: SuperblockChange): Promise<void> {
    const next = { ...this.#durable, ...change, sequence: this.#durable.sequence + 1 };
    assert(next.tail.pageSeq >= this.#durable.tail.pageSeq, 'the tail never moves back');
    this.#buffer ??= this.#io.device.allocate(superblockBytes);
    encodeSuperblock(next, this.#buffer, this.#crc32c);
    await writeSuperblock(this.#io, next.sequence, this.#buffer);
    this.#durable = next;
  }
}

/** Both copies of the pair in one submission. */
export function writeSuperblock(io: DeviceIo, sequence: number, source: Uint8Array): Promise<void> {
  const slots = superblockSlots(io.device.geometry);
  return io.writeDurably(
    'superblock',
    pairOf(sequence).map((slot) => ({ byteOffset: slots[slot]!, source })),
  );
}
