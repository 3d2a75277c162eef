import { constants } from 'node:os';
import { opKind } from '../plan/op-chunk.ts';
import type { LoadTask } from './load-task.ts';
import type { RequestQueue } from './request-queue.ts';
import type { SlotTable } from './slot-table.ts';

const { EIO, EAGAIN, EINTR } = constants.errno;

/** What the kernel's answer means for the operation in a slot. */
export class OpSettler {
  readonly #slots: SlotTable;
  readonly #requests: RequestQueue;
  readonly #buffers: readonly Uint8Array[];

  constructor(slots: SlotTable, requests: RequestQueue, buffers: readonly Uint8Array[]) {
    this.#slots = slots;
    this.#requests = requests;
    this.#buffers = buffers;
  }

  bytesOf(slot: number, byteCount: number): Uint8Array {
    const buffer = this.#buffers[slot]!;
    return byteCount === buffer.length ? buffer : buffer.subarray(0, byteCount);
  }

  /** Counts it and frees the slot, or asks for what is still lacking. */
  settle(task: LoadTask, slot: number, result: number, nowMs: number): void {
    const slots = this.#slots;
    const kind = slots.kinds[slot]!;
    if (result < 0) {
      if (result === -EAGAIN || result === -EINTR) this.#requests.add(slot);
      else this.#fail(task, slot, -result);
      return;
    }
    const file = slots.fileIndexes[slot]!;
    if (kind >= opKind.fsync) {
      task.meter.synced(file, slots.marks[slot]!, slots.startMs[slot]!, nowMs);
    } else {
      const byteCount = slots.byteCounts[slot]!;
      if (kind !== opKind.trim && result < byteCount - slots.doneBytes[slot]!) {
        this.#goOn(task, slot, result);
        return;
      }
      task.meter.transferred(
        kind,
        file,
        byteCount,
        slots.startMs[slot]!,
        slots.issuedMs[slot]!,
        nowMs,
        slots.dueMs[slot]!,
      );
      if (kind === opKind.read && task.faults !== undefined) this.#check(task, slot, byteCount);
    }
    slots.giveBack(slot);
  }

  /** The rest of a short transfer; one of nothing at all would never end. */
  #goOn(task: LoadTask, slot: number, doneBytes: number): void {
    if (doneBytes === 0) {
      this.#fail(task, slot, EIO);
      return;
    }
    this.#slots.doneBytes[slot]! += doneBytes;
    this.#requests.add(slot);
  }

  #fail({ meter }: LoadTask, slot: number, errno: number): void {
    const { kinds, fileIndexes, byteOffsets, byteCounts } = this.#slots;
    meter.failed(kinds[slot]!, fileIndexes[slot]!, byteOffsets[slot]!, byteCounts[slot]!, errno);
    this.#slots.giveBack(slot);
  }

  #check({ contents, faults, knowsWrites }: LoadTask, slot: number, byteCount: number): void {
    const bytes = this.bytesOf(slot, byteCount);
    const byteOffset = this.#slots.byteOffsets[slot]!;
    const fault = knowsWrites
      ? contents.check(bytes, byteOffset, this.#slots.writeNumbers[slot]!)
      : contents.checkAnyWrite(bytes, byteOffset);
    faults!.checked(byteCount, this.#slots.fileIndexes[slot]!, fault);
  }
}
