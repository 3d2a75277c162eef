/**
 * The measured loop over io_uring, in the order of fio's: take up operations while the queue has room,
 * hand them over in small batches, and once it is full wait for one to complete and take all that
 * have. Nothing is allocated per operation, and one clock reading serves everything between two calls.
 *
 * What can be done while the target is busy is done then, as a thread that has just woken up is slow:
 * the next operation is made ready before the wait for a completion, and what has completed is
 * accounted for once the next one is on its way.
 */
import { performance } from 'node:perf_hooks';
import type { FioJob } from '../job.ts';
import { opKind } from '../plan/op-chunk.ts';
import { TransferRing } from '../../sys/transfer-ring.ts';
import type { SystemCalls } from '../../sys/libc.ts';
import type { TransferCalls } from '../../sys/transfer-calls.ts';
import { hasFatalFault, type BlockingDriver, type LoadTask } from './load-task.ts';
import { OpSettler } from './op-settler.ts';
import { RequestQueue } from './request-queue.ts';
import { SlotTable } from './slot-table.ts';

/** How the loop deals with the kernel; what is left out is chosen by the job. */
export interface RingTuning {
  /** Most requests handed over in one call. */
  readonly submitBatch?: number;
  /** `split`: one call hands over, another waits, as in fio; `combined`: one call does both. */
  readonly calls?: 'split' | 'combined';
  /** Buffers are pinned once (fio's `fixedbufs`), unless that is a lot of memory. */
  readonly pinsBuffers?: boolean;
  /**
   * Completions are posted only when the loop waits for them. Otherwise the call that hands over the
   * next operation finds them as well, and under load there is then no need to wait. One at a time
   * there is always need.
   */
  readonly defersCompletions?: boolean;
  /** No request is done within the call that hands it over. */
  readonly usesWorkers?: boolean;
  /** Most threads that the kernel keeps for what is not done within the call. */
  readonly workersMax?: number;
  /** So long the loop looks for completions before it blocks, in microseconds. */
  readonly spinMicroseconds?: number;
}

interface RingSystem {
  readonly calls: SystemCalls;
  readonly transfers: TransferCalls;
  /** Open files, in the order of the job's. */
  readonly fds: readonly number[];
}

/** Of a ring (io_uring(7)); a job with half as many in flight has a slot for each completion as well. */
const slotsMax = 32_768;
/** More would take long to pin. */
const pinnedBytesMax = 2 ** 26;
/** So many prompt batches in a row are no accident. */
const promptBatchesMin = 64;
/** Longest single wait, so that a job that is told to stop notices. */
const waitNsMax = 500_000_000;

export class RingDriver implements BlockingDriver {
  readonly isSplit: boolean;
  readonly registersBuffers: boolean;
  readonly #transfers: TransferCalls;
  readonly #fds: readonly number[];
  readonly #ring: TransferRing;
  readonly #depth: number;
  readonly #slots: SlotTable;
  readonly #buffers: readonly Uint8Array[];
  readonly #submitBatch: number;
  readonly #completeMin: number;
  readonly #completeMax: number;
  readonly #lowWater: number;
  readonly #spinMs: number;
  readonly #isSerialized: boolean;
  readonly #requests: RequestQueue;
  readonly #settler: OpSettler;
  /**
   * Completions that are not accounted for yet: the target gets its next operations first. So there are
   * more slots than operations in flight.
   */
  readonly #doneSlots: Uint32Array;
  readonly #doneResults: Int32Array;
  readonly #doneMs: Float64Array;
  #doneCount = 0;
  /** The last reading of the clock. */
  #nowMs = 0;
  /** Why the queue was not filled: a time to wait for, or Infinity. */
  #blockedUntilMs = Infinity;
  /** Batches in a row that had completed when the call that handed them over came back. */
  #promptBatches = 0;
  #hasMore = true;
  /** The slot of the feed's next operation, which is ready but for the times; -1 without one. */
  #readySlot = -1;

  constructor(job: FioJob, system: RingSystem, tuning: RingTuning, bufferBytes: number) {
    const { depth, submitBatch, completeMin, completeMax, lowWater } = job.queue;
    const wanted = job.report.isSubmissionTimed ? 'split' : 'combined';
    this.isSplit = (tuning.calls ?? wanted) === 'split';
    this.#transfers = system.transfers;
    this.#fds = system.fds;
    this.#depth = depth;
    const slotCount = Math.min(2 * depth, slotsMax);
    this.#slots = new SlotTable(slotCount);
    this.#ring = TransferRing.open(system.calls, system.transfers, {
      slotCount,
      slotBytes: bufferBytes,
      fds: system.fds,
      pinsBuffers: (tuning.pinsBuffers ?? true) && slotCount * bufferBytes <= pinnedBytesMax,
      usesWorkers: tuning.usesWorkers ?? false,
      workersMax: tuning.workersMax,
      defersCompletions: tuning.defersCompletions ?? depth === 1,
    });
    this.registersBuffers = this.#ring.isPinned;
    this.#buffers = Array.from({ length: slotCount }, (_, slot) =>
      this.#ring.bufferOf(slot).subarray(0, bufferBytes),
    );
    this.#submitBatch = Math.min(tuning.submitBatch ?? submitBatch, depth);
    this.#completeMin = completeMin;
    // fio takes one at a time unless told otherwise; what lies there ready is better taken at once.
    this.#completeMax = completeMax > Math.max(completeMin, 1) ? completeMax : depth;
    this.#lowWater = lowWater;
    this.#spinMs = (tuning.spinMicroseconds ?? 0) / 1000;
    this.#isSerialized = job.queue.isOverlapSerialized;
    this.#requests = new RequestQueue(this.#ring, this.#slots);
    this.#settler = new OpSettler(this.#slots, this.#requests, this.#buffers);
    this.#doneSlots = new Uint32Array(slotCount);
    this.#doneResults = new Int32Array(slotCount);
    this.#doneMs = new Float64Array(slotCount);
  }

  /** The memory that operations write from. */
  get buffers(): readonly Uint8Array[] {
    return this.#buffers;
  }

  run(task: LoadTask): void {
    this.#nowMs = performance.now();
    this.#hasMore = true;
    try {
      while (this.#isUnfinished()) {
        this.#fill(task);
        this.#settle(task);
        if (this.#outstanding() === 0) {
          this.#idle(task);
          continue;
        }
        this.#makeReady(task);
        this.#complete(task);
      }
      this.#dropReady();
    } catch (error) {
      this.#drain();
      throw error;
    }
  }

  // Methods and not accessors: V8 looks up a private accessor anew each time it is used.

  #isUnfinished(): boolean {
    return this.#hasMore || this.#busyCount() > 0;
  }

  /** Slots of operations that have been taken up and are not accounted for. */
  #busyCount(): number {
    return this.#slots.busyCount - (this.#readySlot < 0 ? 0 : 1);
  }

  /** Operations that the target has, or is about to get. */
  #outstanding(): number {
    return this.#requests.count + this.#ring.inFlight;
  }

  #isFull(): boolean {
    return (
      this.#outstanding() >= this.#depth || (this.#slots.freeCount === 0 && this.#readySlot < 0)
    );
  }

  syncFile(fileIndex: number): number {
    return this.#transfers.fsync(this.#fds[fileIndex]!) === 0 ? 0 : this.#transfers.errno();
  }

  [Symbol.dispose](): void {
    this.#ring.close();
  }

  /** Takes up operations until the queue is full or the next one must wait. */
  #fill(task: LoadTask): void {
    this.#blockedUntilMs = Infinity;
    while (!this.#isFull() && this.#mayIssue(task)) {
      if (this.#requests.count >= this.#batchNow() && !this.#submit(task)) return;
      this.#takeUp(task);
    }
    // Otherwise the call that waits hands over what is left.
    if (this.isSplit && this.#requests.count > 0) this.#submit(task);
  }

  /**
   * A target that does its work within the call (/dev/null, the page cache) is handed the whole queue
   * at once: there is no one to keep busy meanwhile. A drive gets small batches, as it is then busy
   * while the next one is prepared.
   */
  #batchNow(): number {
    return this.#promptBatches >= promptBatchesMin ? this.#depth : this.#submitBatch;
  }

  #mayIssue(task: LoadTask): boolean {
    const { feed, window, pacer } = task;
    if (window.isOver(this.#nowMs) || hasFatalFault(task) || !feed.load()) {
      this.#hasMore = false;
      return false;
    }
    if (pacer.mustPause) return false;
    const dueMs = pacer.dueMs(feed.dueNs);
    if (dueMs > this.#nowMs) {
      this.#nowMs = performance.now();
      if (dueMs > this.#nowMs) {
        this.#blockedUntilMs = dueMs;
        return false;
      }
    }
    if (!this.#isSerialized) return true;
    const { chunk, at } = feed;
    return !this.#slots.overlaps(
      chunk.fileIndexes[at]!,
      chunk.byteOffsets[at]!,
      chunk.byteCounts[at]!,
    );
  }

  #takeUp(task: LoadTask): void {
    const { feed, meter, pacer, contents } = task;
    const slots = this.#slots;
    if (this.#readySlot < 0) {
      this.#readySlot = this.#prepare(task);
      const isFilled = slots.kinds[this.#readySlot] === opKind.write;
      if (isFilled && contents.isCostly) this.#nowMs = performance.now();
    }
    const slot = this.#readySlot;
    this.#readySlot = -1;
    if (slots.kinds[slot]! >= opKind.fsync) {
      // A sync covers what has completed before, also where that is not accounted for yet.
      this.#settle(task);
      slots.marks[slot] = meter.markSync(slots.fileIndexes[slot]!);
    }
    slots.dueMs[slot] = pacer.isOpenLoop ? pacer.dueMs(feed.dueNs) : NaN;
    slots.startMs[slot] = this.#nowMs;
    this.#requests.queue(slot);
    feed.consume();
    pacer.issued();
    meter.issuedAtDepth(this.#outstanding());
  }

  /** Everything of the feed's next operation that does not depend on when it begins. */
  #prepare({ feed, contents }: LoadTask): number {
    const { chunk, at } = feed;
    const slots = this.#slots;
    const slot = slots.take();
    const kind = chunk.kinds[at]!;
    const byteOffset = chunk.byteOffsets[at]!;
    const byteCount = chunk.byteCounts[at]!;
    slots.kinds[slot] = kind;
    slots.fileIndexes[slot] = chunk.fileIndexes[at]!;
    slots.byteOffsets[slot] = byteOffset;
    slots.byteCounts[slot] = byteCount;
    slots.doneBytes[slot] = 0;
    slots.writeNumbers[slot] = feed.writeNumber;
    if (kind === opKind.write && contents.isPreparedPerWrite) {
      contents.prepare(this.#settler.bytesOf(slot, byteCount), byteOffset, feed.writeNumber);
    }
    this.#requests.prepare(slot);
    return slot;
  }

  /**
   * Prepares the next operation while others are on their way. A job that keeps overlapping operations
   * apart looks at every slot in use, and has to see the next one only once it is its turn.
   */
  #makeReady(task: LoadTask): void {
    if (this.#readySlot >= 0 || !this.#hasMore || this.#isSerialized) return;
    if (this.#slots.freeCount > 0 && task.feed.load()) this.#readySlot = this.#prepare(task);
  }

  /** The run is over before its turn came. */
  #dropReady(): void {
    if (this.#readySlot >= 0) this.#slots.giveBack(this.#readySlot);
    this.#readySlot = -1;
  }

  /** Hands over what is queued; false where the kernel takes only a part. */
  #submit(task: LoadTask): boolean {
    const taken = this.#ring.enter(0);
    this.#nowMs = performance.now();
    this.#requests.handedOver(taken, this.#nowMs, task.meter);
    if (this.#ring.completions === this.#ring.inFlight) this.#promptBatches++;
    else this.#promptBatches = 0;
    return this.#requests.count === 0;
  }

  /** Waits for completions where there are none, and takes what there is. */
  #complete(task: LoadTask): void {
    const isFull = this.#isFull();
    let taken = this.#reap(task);
    // fio's iodepth_batch_complete_min=0: with room in the queue, looking is enough.
    const mayLook = this.#completeMin === 0 && this.#hasMore && !isFull;
    if (taken === 0) {
      if (mayLook) this.#look(task);
      else this.#wait(task);
      taken = this.#reap(task);
    }
    while (isFull && this.#outstanding() > this.#lowWater && taken > 0) {
      this.#wait(task);
      taken = this.#reap(task);
    }
  }

  #wait(task: LoadTask): void {
    if (this.#spinMs > 0 && this.#requests.count === 0 && this.#spin()) return;
    const leftNs = (this.#blockedUntilMs - this.#nowMs) * 1e6;
    const taken =
      leftNs < waitNsMax
        ? this.#ring.enterFor(Math.max(leftNs, 0))
        : this.#ring.enter(this.#waitCount());
    this.#nowMs = performance.now();
    this.#requests.handedOver(taken, this.#nowMs, task.meter);
  }

  #look(task: LoadTask): void {
    const taken = this.#ring.look();
    this.#nowMs = performance.now();
    this.#requests.handedOver(taken, this.#nowMs, task.meter);
  }

  /** Never more than are in flight, or the wait would not end. */
  #waitCount(): number {
    return Math.max(1, Math.min(this.#completeMin, this.#outstanding()));
  }

  /** Whether something completed within the time. */
  #spin(): boolean {
    const untilMs = this.#nowMs + this.#spinMs;
    do {
      this.#ring.look();
      if (this.#ring.completions > 0) return true;
      this.#nowMs = performance.now();
    } while (this.#nowMs < untilMs);
    return false;
  }

  #reap(task: LoadTask): number {
    const { completedSlots, results } = this.#ring;
    const count = this.#ring.reap(this.#completeMax);
    if (count === 0) return 0;
    task.meter.completedTogether(count);
    let isAsExpected = true;
    for (let index = 0; index < count; index++) {
      const at = this.#doneCount++;
      const slot = completedSlots[index]!;
      const result = results[index]!;
      this.#doneSlots[at] = slot;
      this.#doneResults[at] = result;
      this.#doneMs[at] = this.#nowMs;
      if (result !== this.#slots.expectedResults[slot]) isAsExpected = false;
    }
    // An error may end the job: it must be known before another operation is issued.
    if (!isAsExpected) this.#settle(task);
    return count;
  }

  /** Accounts for what has completed. */
  #settle(task: LoadTask): void {
    for (let at = 0; at < this.#doneCount; at++) {
      this.#settler.settle(task, this.#doneSlots[at]!, this.#doneResults[at]!, this.#doneMs[at]!);
    }
    this.#doneCount = 0;
  }

  /** Nothing is in flight, and the next operation must wait. */
  #idle({ pacer, window }: LoadTask): void {
    if (!this.#hasMore || this.#busyCount() > 0) return;
    if (pacer.mustPause)
      pacer.pause(performance.now(), (wakeMs) => {
        window.sleepUntil(wakeMs);
      });
    else if (this.#blockedUntilMs < Infinity) window.sleepUntil(this.#blockedUntilMs);
    this.#nowMs = performance.now();
  }

  /** After an error of ours: the kernel must let go of the memory. What is not handed over never is. */
  #drain(): void {
    this.#ring.withdraw();
    while (this.#ring.inFlight > 0) {
      this.#ring.enter(1);
      this.#ring.reap(this.#ring.slotCount);
    }
  }
}
