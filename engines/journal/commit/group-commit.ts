import assert from 'node:assert/strict';
import { EngineRefusal } from '../../../harness/contract/index.ts';
import type { JournalConfig } from '../config.ts';
import type { PageMirror } from '../double-write/page-mirror.ts';
import { OutcomeUnknown } from '../errors.ts';
import type { Layout } from '../format/layout.ts';
import type { LogPosition } from '../format/log-position.ts';
import type { PageCodec } from '../format/page.ts';
import type { DeviceIo } from '../io/device-io.ts';
import type { BatchSealer, SealedBatch } from './batch-sealer.ts';
import type { Operation } from './operation.ts';
import type { BatchBuffer, SealLimits } from './page-sealer.ts';
import type { SpaceNeed } from './space-need.ts';

export interface CommitSite {
  readonly io: DeviceIo;
  readonly layout: Layout;
  readonly config: JournalConfig;
  readonly codec: PageCodec;
  readonly sealer: BatchSealer;
  readonly need: SpaceNeed;
  /** Where every page goes a second time; undefined without double writing of the log. */
  readonly mirror: PageMirror | undefined;
  /** Acknowledge a batch only when a later durable page says that it is durable. */
  readonly isStrict: boolean;
  /**
   * How far the log reached at its opening. Its LSN is below the head's where dead pages have used
   * LSNs: a watermark must name records that are in the log (rule R1).
   */
  readonly durable: LogPosition;
  /** First page of the log in the durable superblock. */
  tailPageSeq(): number;
  /**
   * Pages that must stay free when it has been sent, for what ends open transactions and for consumers.
   * Without an operation: for a page that nothing waits for.
   */
  reservedPages(operation: Operation | undefined): number;
  /** What keeps the oldest pages from being given up, in words. */
  holder(): string;
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
  /** The log up to this LSN is durable, as its pages say. */
  readonly carriesLsn: number;
}

/** 32 blocks: smaller batches are not worth halving, since each ends with a page that is not full. */
const sharePagesMin = 33;

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
  /** Durable, and no durable page says so yet; oldest first. Only in a strict journal. */
  readonly #unconfirmed: SealedBatch[] = [];
  #queuedBytes = 0;
  #durable: LogPosition;
  #carriedLsn: number;
  #isFlushing = false;
  #isPumpDue = false;
  #isStopped = false;
  /** Who waits for what had been submitted when they asked, oldest first. */
  readonly #waiting: { operation: Operation; resolve(): void }[] = [];
  readonly #draining: (() => void)[] = [];

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
    return (
      this.#queue.length === 0 && this.#inFlight.length === 0 && this.#unconfirmed.length === 0
    );
  }

  /** The operation settles when it is durable. What is submitted in one turn goes out together. */
  submit(operation: Operation): void {
    this.#enqueue(operation);
    this.#queuedBytes += operation.byteCount;
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    queueMicrotask(() => {
      this.#isPumpDue = false;
      this.pump();
    });
  }

  /** Takes back what is not in the log yet; false where a part of it is. */
  withdraw(operation: Operation, error: EngineRefusal): boolean {
    const at = this.#queue.indexOf(operation);
    if (at === -1 || operation.sealedCount > 0) return false;
    this.#queue.splice(at, 1);
    // Whoever waits for it waits for what stood before it all the same.
    const before = this.#queue[at - 1] ?? this.#newestSent;
    if (before !== undefined) {
      for (const waiter of this.#waiting) {
        if (waiter.operation === operation) waiter.operation = before;
      }
    }
    this.#refuse(operation, error);
    return true;
  }

  /** What ends a transaction goes first, but never into the middle of an operation. */
  #enqueue(operation: Operation): void {
    let at = this.#queue.length;
    if (operation.isEnding) {
      at = this.#queue.findIndex((other) => !other.isEnding && other.sealedCount === 0);
    }
    if (at === -1 || at === this.#queue.length) this.#queue.push(operation);
    else this.#queue.splice(at, 0, operation);
  }

  /** Resolves once every operation submitted before has settled. */
  settled(): Promise<void> {
    const operation = this.#newestOperation;
    if (operation === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push({ operation, resolve });
    });
  }

  /** Resolves once nothing is queued or on its way, watermarks included, or it has stopped. */
  drained(): Promise<void> {
    if (this.isIdle || this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      this.#draining.push(resolve);
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
    if (this.#isStopped || !this.isIdle) return;
    if (this.#freePages < 1 + this.#site.reservedPages(undefined)) return;
    this.#sendWatermarkPage();
  }

  #sendWatermarkPage(): void {
    const buffer = this.#takeBuffer();
    this.#send(this.#site.sealer.sealWatermark(buffer, this.#limits(1)), buffer);
  }

  /** Nothing more is sent; the outcome of whatever has not settled is unknown. */
  stop(reason: string): void {
    this.#isStopped = true;
    const batches = [...this.#unconfirmed, ...this.#inFlight.map(({ batch }) => batch)];
    const sealed = batches.flatMap(({ operations }) => operations);
    for (const operation of new Set([...sealed, ...this.#queue])) {
      operation.settled.reject(new OutcomeUnknown(reason));
    }
    for (const waiter of this.#waiting.splice(0)) waiter.resolve();
    this.#noteDrained();
    this.#queue.length = 0;
    this.#inFlight.length = 0;
    this.#unconfirmed.length = 0;
  }

  get #newestOperation(): Operation | undefined {
    return this.#queue.at(-1) ?? this.#newestSent;
  }

  get #newestSent(): Operation | undefined {
    return (
      this.#inFlight
        .findLast(({ batch }) => batch.operations.length > 0)
        ?.batch.operations.at(-1) ??
      this.#unconfirmed.findLast(({ operations }) => operations.length > 0)?.operations.at(-1)
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
    const isBegun = operation.sealedCount > 0;
    const reservedPages = isBegun ? 0 : this.#site.reservedPages(operation);
    const neededPages = ringPages + reservedPages + this.#confirmingPages(ringPages);
    if (this.#freePages < neededPages) {
      this.#waitForPages(neededPages);
      return false;
    }
    return this.#windowRoom >= batchPages;
  }

  /**
   * Pages for the watermarks without which a strict journal cannot acknowledge: one for each batch that is
   * on its way, and for those of an operation that takes so many pages.
   */
  #confirmingPages(ringPages: number): number {
    if (!this.#site.isStrict) return 0;
    const sent = this.#inFlight.filter(({ batch }) => batch.operations.length > 0).length;
    const due = this.#isConfirmationDue ? 1 : 0;
    return Math.ceil(ringPages / this.#site.config.batchPagesMax) + sent + due;
  }

  get #isConfirmationDue(): boolean {
    return this.#unconfirmed.length > 0 && this.#carriedLsn < this.#durableLsn;
  }

  #waitForPages(pages: number): void {
    const isComing = this.#site.demandPages(pages);
    if (isComing || this.#inFlight.length > 0 || this.#unconfirmed.length > 0) return;
    const found = `the ring has ${this.#freePages} free pages of ${pages} that this takes and leaves`;
    this.#refuse(
      this.#queue.shift()!,
      new EngineRefusal('full', `${found}, and the rest holds ${this.#site.holder()}`),
    );
    queueMicrotask(() => {
      this.pump();
    });
  }

  #refuse(operation: Operation, error: EngineRefusal): void {
    this.#queuedBytes -= operation.byteCount;
    operation.isSettled = true;
    operation.settled.reject(error);
    this.#release();
    if (this.isIdle) this.#noteDrained();
  }

  #noteDrained(): void {
    for (const resolve of this.#draining.splice(0)) resolve();
  }

  #sendNext(): void {
    const { sealer, config } = this.#site;
    const buffer = this.#takeBuffer();
    const pagesMax = Math.min(
      config.batchPagesMax,
      this.#windowRoom,
      this.#unreservedPages,
      this.#sharePages,
    );
    const batch = sealer.seal(this.#queue, buffer, this.#limits(pagesMax));
    assert(batch !== undefined, 'a batch with room for an operation takes it');
    this.#send(batch, buffer);
  }

  /**
   * Half of all that waits or is on its way, where that is much. Writers that wait for their
   * acknowledgement come back together: in one batch for ever, with nothing being sealed while the device
   * writes and nothing being written while the next is sealed. In two halves each goes on under the other.
   */
  get #sharePages(): number {
    const { codec, need } = this.#site;
    const outstandingBytes = this.#inFlight.reduce(
      (sum, { batch }) => sum + batch.operationBytes,
      this.#queuedBytes,
    );
    const halfPages = Math.ceil(outstandingBytes / 2 / codec.bodyBytes);
    return Math.max(halfPages, sharePagesMin, need.of(this.#queue[0]!).batchPages);
  }

  /** What the next batch may take: what follows its first operation must leave the reserve alone. */
  get #unreservedPages(): number {
    const first = this.#site.need.of(this.#queue[0]!).batchPages;
    const keptPages = this.#site.reservedPages(undefined) + this.#confirmingPages(first);
    return Math.min(this.#freePages, Math.max(first, this.#freePages - keptPages));
  }

  #limits(pagesMax: number): SealLimits {
    return { pagesMax, tailPageSeq: this.#site.tailPageSeq(), durableLsn: this.#durableLsn };
  }

  #takeBuffer(): BatchBuffer {
    const { io, config, codec, sealer } = this.#site;
    return (
      this.#freeBuffers.pop() ??
      sealer.bufferOf(io.device.allocate(config.batchPagesMax * codec.pageBytes))
    );
  }

  #send(batch: SealedBatch, buffer: BatchBuffer): void {
    const carriesLsn = this.#durableLsn;
    const entry = { batch, buffer, isWritten: false, isDurable: false, carriesLsn };
    this.#carriedLsn = carriesLsn;
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

  /** Two writes where the batch goes over the end of the ring, and as many to its mirror. */
  #write({ bytes, start, operations, paddingBytes }: SealedBatch): Promise<unknown> {
    const { io, layout, mirror } = this.#site;
    const { pageBytes } = layout;
    const ringAt = layout.extents.ring.byteOffset;
    const at = (start.pageSeq % layout.ringPages) * pageBytes;
    const firstBytes = Math.min(bytes.length, layout.ringPages * pageBytes - at);
    const purpose = operations.length === 0 ? 'watermark' : 'journal';
    const fua = io.path === 'fua';
    io.countPadding(purpose, paddingBytes);
    const first = io.write(purpose, ringAt + at, bytes.subarray(0, firstBytes), { fua });
    if (firstBytes === bytes.length && mirror === undefined) return first;
    const writes = [first];
    if (firstBytes < bytes.length) {
      writes.push(io.write(purpose, ringAt, bytes.subarray(firstBytes), { fua }));
    }
    for (const { byteOffset, source } of mirror?.partsFor(start.pageSeq, bytes) ?? []) {
      writes.push(io.write('double-write', byteOffset, source, { fua }));
    }
    return Promise.all(writes);
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
      const { batch, buffer, carriesLsn } = this.#inFlight.shift()!;
      this.#durable = batch.end;
      this.#freeBuffers.push(buffer);
      if (!this.#site.isStrict) {
        this.#acknowledge(batch);
        continue;
      }
      if (batch.operations.length > 0) this.#unconfirmed.push(batch);
      this.#confirmThrough(carriesLsn);
    }
    this.pump();
    this.#sendConfirmation();
    if (!this.isIdle) return;
    this.#noteDrained();
    this.#site.onIdle(this.#carriedLsn === this.#durableLsn);
  }

  #confirmThrough(lsn: number): void {
    while (this.#unconfirmed.length > 0 && this.#unconfirmed[0]!.end.nextLsn - 1 <= lsn) {
      this.#acknowledge(this.#unconfirmed.shift()!);
    }
  }

  /** Where no batch is on its way that says what is durable by now, a page of its own says it. */
  #sendConfirmation(): void {
    if (!this.#isConfirmationDue || this.#isStopped || this.#windowRoom < 1) return;
    this.#sendWatermarkPage();
  }

  #acknowledge(batch: SealedBatch): void {
    const { operations, end } = batch;
    for (const operation of operations) {
      const isWhole = operation.sealedCount === operation.drafts.length;
      if (!isWhole || operation.lastLsn >= end.nextLsn) continue;
      this.#site.onAcknowledged(operation);
      operation.isSettled = true;
      operation.settled.resolve(operation.lastLsn);
    }
    this.#release();
    this.#site.onDurable(batch);
  }

  #release(): void {
    while (this.#waiting[0]?.operation.isSettled === true) this.#waiting.shift()!.resolve();
  }
}
