import assert from 'node:assert/strict';
import { EngineRefusal } from '../../../harness/contract/index.ts';
import type { JournalConfig } from '../config.ts';
import { OutcomeUnknown } from '../errors.ts';
import type { Layout } from '../format/layout.ts';
import type { LogPosition } from '../format/log-position.ts';
import type { PageCodec } from '../format/page.ts';
import type { DeviceIo } from '../io/device-io.ts';
import {
  batchBufferOf,
  type BatchBuffer,
  type BatchSealer,
  type SealedBatch,
  type SealLimits,
} from './batch-sealer.ts';
import type { Operation } from './operation.ts';
import type { SpaceNeed } from './space-need.ts';

export interface CommitSite {
  readonly io: DeviceIo;
  readonly layout: Layout;
  readonly config: JournalConfig;
  readonly codec: PageCodec;
  readonly sealer: BatchSealer;
  readonly need: SpaceNeed;
  /**
   * How far the log reached at its opening. Its LSN is below the head's where dead pages have used
   * LSNs: a watermark must name records that are in the log (rule R1).
   */
  readonly durable: LogPosition;
  /** First page of the log in the durable superblock. */
  tailPageSeq(): number;
  /** Asks the destager for free pages; false where none can come. */
  demandPages(pages: number): boolean;
  onSealed(batch: SealedBatch): void;
  /** Everything up to its end is durable, and has been acknowledged. */
  onDurable(batch: SealedBatch): void;
  /** Comes before its caller learns of it. */
  onAcknowledged(operation: Operation): void;
  /** Nothing is queued or in flight; `isCarried`: the newest page says all that is durable. */
  onIdle(isCarried: boolean): void;
  onBusy(): void;
  onFailure(error: unknown): void;
}

interface BatchInFlight {
  readonly batch: SealedBatch;
  readonly buffer: BatchBuffer;
  isWritten: boolean;
  isDurable: boolean;
}

/**
 * Group commit: greedy, pipelined, without a timer (JOURNAL-ENGINE §4.7). Whatever is queued when a
 * slot is free goes out as one batch, and up to K batches are on their way at once. An operation is
 * acknowledged only when its batch and every batch before it are durable; a failure of any write or
 * flush stops the journal for good.
 */
export class GroupCommit {
  readonly #site: CommitSite;
  readonly #queue: Operation[] = [];
  readonly #inFlight: BatchInFlight[] = [];
  readonly #freeBuffers: BatchBuffer[] = [];
  #queuedBytes = 0;
  #durable: LogPosition;
  #carriedLsn: number;
  #isFlushing = false;
  #isPumpDue = false;
  #isStopped = false;
  /** Who waits for what had been submitted when they asked, oldest first. */
  readonly #waiting: { readonly operation: Operation; resolve(): void }[] = [];

  constructor(site: CommitSite) {
    this.#site = site;
    this.#durable = site.durable;
    this.#carriedLsn = this.#durableLsn;
  }

  /** Bytes of records that wait for a place in a batch. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Everything before it is durable. */
  get durable(): LogPosition {
    return this.#durable;
  }

  get isIdle(): boolean {
    return this.#queue.length === 0 && this.#inFlight.length === 0;
  }

  /** The operation settles when it is durable. What is submitted in one turn goes out together. */
  submit(operation: Operation): void {
    this.#queue.push(operation);
    this.#queuedBytes += operation.byteCount;
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    queueMicrotask(() => {
      this.#isPumpDue = false;
      this.pump();
    });
  }

  /** Resolves once every operation submitted before has settled. */
  settled(): Promise<void> {
    const operation = this.#newestOperation;
    if (operation === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push({ operation, resolve });
    });
  }

  /** Sends what can be sent now. */
  pump(): void {
    while (!this.#isStopped && this.#inFlight.length < this.#site.config.inFlightBatchesMax) {
      const next = this.#queue[0];
      if (next === undefined || !this.#hasRoomFor(next)) return;
      this.#sendNext();
    }
  }

  /** Writes a page that says how far the log is durable, unless something better is on its way. */
  sendWatermark(): void {
    if (this.#isStopped || !this.isIdle || this.#freePages < 1) return;
    const buffer = this.#takeBuffer();
    this.#send(this.#site.sealer.sealWatermark(buffer, this.#limits(1)), buffer);
  }

  /** Nothing more is sent; the outcome of whatever has not settled is unknown. */
  stop(reason: string): void {
    this.#isStopped = true;
    const sealed = this.#inFlight.flatMap(({ batch }) => batch.operations);
    for (const operation of new Set([...sealed, ...this.#queue])) {
      operation.settled.reject(new OutcomeUnknown(reason));
    }
    for (const waiter of this.#waiting.splice(0)) waiter.resolve();
    this.#queue.length = 0;
    this.#inFlight.length = 0;
  }

  get #newestOperation(): Operation | undefined {
    return (
      this.#queue.at(-1) ??
      this.#inFlight.findLast(({ batch }) => batch.operations.length > 0)?.batch.operations.at(-1)
    );
  }

  get #durableLsn(): number {
    return this.#durable.nextLsn - 1;
  }

  /** Slots between the head and the durable tail are in use: writing there loses what they hold. */
  get #freePages(): number {
    const usedPages = this.#site.sealer.head.pageSeq - this.#site.tailPageSeq();
    return this.#site.layout.ringPages - usedPages;
  }

  /** Recovery takes pages further apart than the window for proof of loss (rule R2). */
  get #windowRoom(): number {
    const headPageSeq = this.#site.sealer.head.pageSeq;
    const oldest = this.#inFlight[0]?.batch.start.pageSeq ?? headPageSeq;
    return this.#site.config.windowPages - (headPageSeq - oldest);
  }

  #hasRoomFor(operation: Operation): boolean {
    const { ringPages, batchPages } = this.#site.need.of(operation);
    if (this.#freePages < ringPages) {
      this.#waitForPages(ringPages);
      return false;
    }
    return this.#windowRoom >= batchPages;
  }

  #waitForPages(pages: number): void {
    const isComing = this.#site.demandPages(pages);
    if (isComing || this.#inFlight.length > 0) return;
    const operation = this.#queue.shift()!;
    this.#queuedBytes -= operation.byteCount;
    operation.isSettled = true;
    operation.settled.reject(
      new EngineRefusal(
        'full',
        `the ring has ${this.#freePages} free pages of ${pages} that this takes, and the rest holds appended records that have not been released`,
      ),
    );
    this.#release();
    queueMicrotask(() => {
      this.pump();
    });
  }

  #sendNext(): void {
    const { sealer, config } = this.#site;
    const buffer = this.#takeBuffer();
    const pagesMax = Math.min(config.batchPagesMax, this.#windowRoom, this.#freePages);
    const batch = sealer.seal(this.#queue, buffer, this.#limits(pagesMax));
    assert(batch !== undefined, 'a batch with room for an operation takes it');
    this.#send(batch, buffer);
  }

  #limits(pagesMax: number): SealLimits {
    return { pagesMax, tailPageSeq: this.#site.tailPageSeq(), durableLsn: this.#durableLsn };
  }

  #takeBuffer(): BatchBuffer {
    const { io, config, codec } = this.#site;
    return (
      this.#freeBuffers.pop() ??
      batchBufferOf(io.device.allocate(config.batchPagesMax * codec.pageBytes), codec)
    );
  }

  #send(batch: SealedBatch, buffer: BatchBuffer): void {
    const entry = { batch, buffer, isWritten: false, isDurable: false };
    this.#carriedLsn = this.#durableLsn;
    this.#queuedBytes -= batch.operationBytes;
    this.#inFlight.push(entry);
    this.#site.onBusy();
    this.#site.onSealed(batch);
    this.#write(batch).then(
      () => {
        this.#noteWritten(entry);
      },
      (error: unknown) => {
        this.#site.onFailure(error);
      },
    );
  }

  /** Two writes where the batch goes over the end of the ring. */
  async #write({ bytes, start, operations, paddingBytes }: SealedBatch): Promise<void> {
    const { io, layout } = this.#site;
    const { pageBytes } = layout;
    const ringAt = layout.extents.ring.byteOffset;
    const at = (start.pageSeq % layout.ringPages) * pageBytes;
    const firstBytes = Math.min(bytes.length, layout.ringPages * pageBytes - at);
    const purpose = operations.length === 0 ? 'watermark' : 'journal';
    const fua = io.path === 'fua';
    const writes = [io.write(purpose, ringAt + at, bytes.subarray(0, firstBytes), { fua })];
    if (firstBytes < bytes.length) {
      writes.push(io.write(purpose, ringAt, bytes.subarray(firstBytes), { fua }));
    }
    io.countPadding(purpose, paddingBytes);
    await Promise.all(writes);
  }

  #noteWritten(entry: BatchInFlight): void {
    entry.isWritten = true;
    if (this.#site.io.path === 'flush') {
      this.#flushWritten();
    } else {
      entry.isDurable = true;
      this.#advance();
    }
  }

  /** One flush at a time covers every batch whose write had completed when it was submitted. */
  #flushWritten(): void {
    if (this.#isFlushing || this.#isStopped) return;
    const covered = this.#inFlight.filter((entry) => entry.isWritten && !entry.isDurable);
    if (covered.length === 0) return;
    this.#isFlushing = true;
    this.#site.io.flush().then(
      () => {
        this.#isFlushing = false;
        for (const entry of covered) entry.isDurable = true;
        this.#advance();
        this.#flushWritten();
      },
      (error: unknown) => {
        this.#site.onFailure(error);
      },
    );
  }

  /** Acknowledges in the order of the log, up to the first batch that is not durable. */
  #advance(): void {
    if (this.#isStopped) return;
    while (this.#inFlight[0]?.isDurable === true) {
      const { batch, buffer } = this.#inFlight.shift()!;
      this.#durable = batch.end;
      this.#freeBuffers.push(buffer);
      this.#acknowledge(batch);
      this.#site.onDurable(batch);
    }
    this.pump();
    if (this.isIdle) this.#site.onIdle(this.#carriedLsn === this.#durableLsn);
  }

  #acknowledge({ operations, end }: SealedBatch): void {
    for (const operation of operations) {
      const isWhole = operation.sealedCount === operation.drafts.length;
      if (!isWhole || operation.lastLsn >= end.nextLsn) continue;
      this.#site.onAcknowledged(operation);
      operation.isSettled = true;
      operation.settled.resolve(operation.lastLsn);
    }
    this.#release();
  }

  #release(): void {
    while (this.#waiting[0]?.operation.isSettled === true) this.#waiting.shift()!.resolve();
  }
}
