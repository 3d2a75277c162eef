import { opKind } from '../plan/op-chunk.ts';
import type { TransferRing } from '../../sys/transfer-ring.ts';
import type { JobMeter } from './job-meter.ts';
import type { SlotTable } from './slot-table.ts';

/** A kernel that is short of something for so many calls in a row will not recover. */
const refusalsMax = 10_000;

/** Slots whose requests are prepared and not handed over, in order. */
export class RequestQueue {
  readonly #ring: TransferRing;
  readonly #slots: SlotTable;
  readonly #queue: Uint32Array;
  #count = 0;
  #refusals = 0;

  constructor(ring: TransferRing, slots: SlotTable) {
    this.#ring = ring;
    this.#slots = slots;
    this.#queue = new Uint32Array(slots.slotCount);
  }

  get count(): number {
    return this.#count;
  }

  /** Prepares what the operation in the slot still lacks, and queues it. */
  add(slot: number): void {
    this.prepare(slot);
    this.queue(slot);
  }

  /** Prepares it and leaves it out of the queue until it is asked for. */
  prepare(slot: number): void {
    const slots = this.#slots;
    const ring = this.#ring;
    const kind = slots.kinds[slot]!;
    const file = slots.fileIndexes[slot]!;
    const done = slots.doneBytes[slot]!;
    const byteOffset = slots.byteOffsets[slot]! + done;
    const byteCount = slots.byteCounts[slot]! - done;
    slots.expectedResults[slot] = kind <= opKind.write ? byteCount : 0;
    if (kind <= opKind.write) {
      ring.transfer(slot, kind === opKind.write, file, byteOffset, byteCount, done);
    } else if (kind === opKind.trim) {
      ring.punch(slot, file, byteOffset, byteCount);
    } else {
      ring.sync(slot, file, kind === opKind.fdatasync);
    }
  }

  queue(slot: number): void {
    this.#ring.queue(slot);
    this.#queue[this.#count++] = slot;
  }

  /** The kernel has taken the first of them. */
  handedOver(taken: number, nowMs: number, meter: JobMeter): void {
    if (this.#count === 0) return;
    const queue = this.#queue;
    for (let index = 0; index < taken; index++) {
      this.#slots.issuedMs[queue[index]!] = nowMs;
    }
    if (taken > 0) meter.submittedTogether(taken);
    if (taken < this.#count) queue.copyWithin(0, taken, this.#count);
    this.#count -= taken;
    this.#refusals = taken > 0 ? 0 : this.#refusals + 1;
    if (this.#refusals > refusalsMax) throw new Error('the kernel takes no more requests');
  }
}
