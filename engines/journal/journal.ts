import {
  EngineRefusal,
  type EngineCounters,
  type EngineFacts,
  type Platform,
} from '../../harness/contract/index.ts';
import { AppendPayloads } from './commit/append-payloads.ts';
import { BatchSealer, type SealedBatch } from './commit/batch-sealer.ts';
import { GroupCommit } from './commit/group-commit.ts';
import { IdleWatermark } from './commit/idle-watermark.ts';
import {
  appendRecord,
  markConsumer,
  type BlockData,
  userBytesOf,
  type Operation,
  type Settlement,
} from './commit/operation.ts';
import { PayloadSlab } from './commit/payload-slab.ts';
import { SpaceNeed } from './commit/space-need.ts';
import { journalOptions, type JournalConfig, type JournalOptions } from './config.ts';
import {
  Consumers,
  type ConsumerProgressMade,
  type SubscribeOptions,
} from './consumers/consumers.ts';
import type { Subscription } from './consumers/subscription.ts';
import { Destager } from './destage/destager.ts';
import { LiveBatches } from './destage/live-batches.ts';
import { RingRoom } from './destage/ring-room.ts';
import { keyringOf } from './crypto/journal-keys.ts';
import type { KeyProvider } from './crypto/key-provider.ts';
import { keyProviderOf } from './crypto/key-source.ts';
import { pageMirrorOf } from './double-write/page-mirror.ts';
import { OutcomeUnknown, refusalFor } from './errors.ts';
import { isSameTable, type ConsumerTable } from './format/consumer-table.ts';
import { crc32cOf, type Crc32c } from './format/crc32c.ts';
import { blockBytes, type Layout } from './format/layout.ts';
import { encryptedBit, isCallersType } from './format/record-types.ts';
import { recordHeaderBytes } from './format/record.ts';
import type { Superblock } from './format/superblock.ts';
import type { JournalDevices } from './format-journal.ts';
import { DeviceIo } from './io/device-io.ts';
import { durabilityPathOf } from './io/durability.ts';
import { WriteTally } from './io/write-tally.ts';
import { journalFacts } from './journal-facts.ts';
import { recover, type RecoveredJournal } from './recovery/recover.ts';
import { AppendedRecords, type AppendedRecord } from './volume/appended-records.ts';
import type { Transaction, VolumeMode } from './volume/volume-mode.ts';

/** What recovery found and did. */
export interface JournalRecovery {
  readonly recordsReplayed: number;
  readonly blocksWritten: number;
  readonly note: string;
}

/**
 * Opens a journal: recovers it and claims it for a new epoch. `keys` stands in place of the option
 * `encryption`. Throws EngineRefusal rather than go on
 * with a log of which acknowledged records may be missing, and a zod error for wrong options.
 */
export async function openJournal(
  devices: JournalDevices,
  options: JournalOptions,
  platform: Platform,
  keys?: KeyProvider,
): Promise<Journal> {
  const config = journalOptions.parse(options);
  return openConfigured(devices, config, platform, keys && keyringOf(keys));
}

/** The same for options that have been parsed already. */
export async function openConfigured(
  devices: JournalDevices,
  config: JournalConfig,
  platform: Platform,
  keyring = config.encryption && keyringOf(keyProviderOf(config.encryption)),
): Promise<Journal> {
  const tally = new WriteTally();
  const journal = ioOf(devices.journal);
  const data = devices.data === undefined ? journal : ioOf(devices.data);
  try {
    const recovered = await recover({ journal, data, config, platform, keyring });
    return new Journal({ journal, data, config, platform, tally, recovered });
  } catch (error) {
    // What it had begun to write must not go on under whoever opens the journal next.
    await Promise.all([journal, data].map((io) => io.stopAndSettle('the journal was not opened')));
    throw refusalFor('the journal cannot be recovered', error);
  }

  function ioOf(device: JournalDevices['journal']): DeviceIo {
    return new DeviceIo(device, durabilityPathOf(config.durability, device.geometry), tally);
  }
}

interface JournalParts {
  readonly journal: DeviceIo;
  readonly data: DeviceIo;
  readonly config: JournalConfig;
  readonly platform: Platform;
  readonly tally: WriteTally;
  readonly recovered: RecoveredJournal;
}

/**
 * A write-ahead log and the volume it protects. Every change resolves, with its LSN, when it is
 * durable. One that cannot be taken rejects with EngineRefusal and has no effect; one that was on its
 * way when a device failed, or when the journal was abandoned, rejects with OutcomeUnknown.
 */
export class Journal implements AsyncDisposable {
  readonly recovery: JournalRecovery;
  readonly layout: Layout;
  readonly #parts: JournalParts;
  readonly #crc32c: Crc32c;
  readonly #live: LiveBatches;
  readonly #room: RingRoom;
  readonly #volume: VolumeMode;
  readonly #appended: AppendedRecords;
  readonly #consumers: Consumers;
  readonly #need: SpaceNeed;
  readonly #sealer: BatchSealer;
  readonly #commit: GroupCommit;
  readonly #destager: Destager;
  readonly #watermark: IdleWatermark;
  readonly #slab = new PayloadSlab();
  readonly #payloads = new AppendPayloads();
  #acknowledgedLsn: number;
  #state: 'active' | 'closing' | 'closed' | 'failed' = 'active';
  #failure = '';
  #isLogEnded = false;

  constructor(parts: JournalParts) {
    const { recovered, config, platform } = parts;
    const { superblock, codec, head, epochStart } = recovered;
    const { layout } = superblock.durable;
    this.recovery = recovered;
    this.layout = layout;
    this.#parts = parts;
    this.#crc32c = crc32cOf(platform);
    this.#appended = new AppendedRecords(recovered.appended);
    this.#acknowledgedLsn = epochStart.prevLastLsn;
    this.#consumers = this.#makeConsumers();
    this.#live = new LiveBatches(recovered.batches, this.#consumers.releasedLsn);
    this.#need = new SpaceNeed(codec, config.batchPagesMax);
    this.#sealer = new BatchSealer({
      codec,
      batchPagesMax: config.batchPagesMax,
      segmentPages: layout.segmentPages,
      head,
      epochStart,
      crc32c: this.#crc32c,
      cipher: recovered.cipher,
    });
    this.#volume = this.#openVolume();
    this.#live.openTransactions = this.#volume.openTransactions;
    this.#room = new RingRoom({
      live: this.#live,
      need: this.#need,
      consumers: this.#consumers,
      openTransactions: this.#volume.openTransactions,
      ringPages: layout.ringPages,
    });
    this.#destager = this.#makeDestager();
    this.#commit = this.#makeCommit();
    this.#watermark = new IdleWatermark(platform.clock, () => {
      this.#commit.sendWatermark();
    });
  }

  get blockCount(): number {
    return this.layout.dataBlocks;
  }

  /** Writes whole blocks of 4 KiB from `block` on, all or nothing. Resolves to the LSN. */
  async write(block: number, bytes: Uint8Array): Promise<number> {
    this.#checkActive();
    this.#checkBlocks(block, bytes.length);
    this.#checkTransaction(bytes.length);
    return this.#volume.write(block, this.#slab.copy(bytes));
  }

  /**
   * Writes single blocks of 4 KiB, all or nothing. Resolves to the LSN of the commit record. With
   * `progress`, that a consumer is done with the records up to an LSN is part of it: its effects and
   * how far it is become durable together.
   */
  async transaction(
    changes: readonly BlockData[],
    progress?: ConsumerProgressMade,
  ): Promise<number> {
    this.#checkActive();
    for (const { block, data } of changes) this.#checkTransactionBlock(block, data);
    this.#checkTransaction(changes.length * blockBytes);
    const copies = changes.map(({ block, data }) => ({ block, data: this.#slab.copy(data) }));
    if (progress === undefined) return this.#volume.transaction(copies);
    this.#checkTakesMarks();
    return this.#consumers.advance(progress, (mark) => this.#volume.transaction(copies, mark));
  }

  /**
   * Begins a transaction that stays open over several calls. Throws EngineRefusal `incompatible` in a
   * mode that has none, `full` where too many are open.
   */
  begin(): Transaction {
    this.#checkActive();
    const { openTransactions } = this.#volume;
    if (openTransactions !== undefined) return openTransactions.begin();
    throw new EngineRefusal('incompatible', 'only mode "undo-redo" keeps transactions open');
  }

  /**
   * Appends a record to the log; it stays there, over any number of opens, until it is released.
   * `type` is the caller's: any but 0x100 to 0x1ff, with bit 15 where a reader must know it.
   */
  append(type: number, tenant: number, vshard: number, payload: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#checkActive();
      this.#checkRecord(type, payload);
      const settled = { resolve, reject };
      this.#take(appendRecord({ type, tenant, vshard }, this.#payloads.copy(payload), settled));
    });
  }

  /** Reads whole blocks as they were last acknowledged. Throws EngineRefusal. */
  async read(block: number, target: Uint8Array): Promise<void> {
    if (this.#state === 'closed') throw closed();
    this.#checkBlocks(block, target.length);
    try {
      await this.#volume.read(block, target);
    } catch (error) {
      throw refusalFor(`block ${block} cannot be read`, error);
    }
  }

  /**
   * Reads all of the block map, where the mode has one. Throws EngineRefusal where it is damaged, or
   * puts two blocks in one place: reads and writes find that out only for what they need.
   */
  async checkMap(): Promise<void> {
    if (this.#state === 'closed') throw closed();
    await this.#volume.checkMap?.();
  }

  /** The appended records that are durable and not released, oldest first. */
  async *replay(fromLsn = 0): AsyncGenerator<AppendedRecord, void, undefined> {
    this.#payloads.leaveToReaders();
    yield* this.#appended.from(fromLsn);
  }

  /** The caller needs no appended record up to that LSN any more; consumers may still. */
  release(lsn: number): void {
    this.#consumers.release(lsn);
  }

  /**
   * The appended records for a named consumer, from after the last LSN that it committed, and those to
   * come. The log keeps what it has not committed. Throws EngineRefusal, and RangeError for a name or
   * an LSN that cannot be one.
   */
  subscribe(options: SubscribeOptions): Subscription {
    this.#checkActive();
    return this.#consumers.subscribe(options);
  }

  /** There is no such consumer any more, durably: the log keeps nothing for it. */
  async unsubscribe(consumer: string): Promise<void> {
    this.#checkActive();
    await this.#consumers.unsubscribe(consumer);
  }

  /** Resolves when everything submitted before it has settled; rejects if the journal has failed. */
  async flush(): Promise<void> {
    await this.#volume.flush();
    await this.#commit.settled();
    if (this.#state === 'failed') throw new OutcomeUnknown(this.#failure);
    if (this.#state === 'closed') throw closed();
  }

  counters(): EngineCounters {
    return this.#parts.tally.counters();
  }

  /** How it is kept and made durable, as far as a report should show it. */
  facts(): EngineFacts {
    const { journal, data, recovered } = this.#parts;
    const ofData = data === journal ? undefined : data.path;
    return journalFacts(recovered.superblock.durable, journal.path, ofData);
  }

  /** Clean shutdown: the next open has nothing to replay. */
  async close(): Promise<void> {
    this.#checkActive();
    this.#state = 'closing';
    this.#watermark.disarm();
    try {
      await this.#volume.openTransactions?.rollBackAll();
      await this.#volume.flush();
      await this.#commit.settled();
      // From here on not even a consumer's mark is taken: what the clean superblock vouches for must
      // be durable, and nothing may follow it. That goes for a watermark on its way, too.
      this.#isLogEnded = true;
      await this.#commit.drained();
      this.#checkNotFailed();
      await this.#destager.sweepAll();
      await this.#writeCleanSuperblock();
    } catch (error) {
      this.#fail(error);
      throw refusalFor('the journal cannot be closed cleanly', error);
    }
    this.#stop('closed', 'the journal is closed');
  }

  /** Abandons: nothing more is written or flushed, and what has not settled never is. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state !== 'closed') this.#stop('closed', 'the journal was abandoned');
  }

  // Not async: every promise more costs each operation as much as the rest of this method.
  #submit(make: (settled: Settlement) => Operation): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#state === 'closed' || this.#isLogEnded) throw closed();
      this.#checkNotFailed();
      this.#take(make({ resolve, reject }));
    });
  }

  #take(operation: Operation): void {
    this.#checkQueue(operation);
    this.#commit.submit(operation);
    this.#parts.tally.userBytes += userBytesOf(operation);
  }

  #checkActive(): void {
    this.#checkNotFailed();
    if (this.#state !== 'active') throw closed();
  }

  #checkNotFailed(): void {
    if (this.#state !== 'failed') return;
    throw new EngineRefusal('device-error', `the journal has stopped: ${this.#failure}`);
  }

  #checkQueue(operation: Operation): void {
    const { queueBytesMax } = this.#parts.config;
    const queuedBytes = this.#commit.queuedBytes + operation.byteCount;
    if (queuedBytes <= queueBytesMax) return;
    throw new EngineRefusal(
      'full',
      `${queuedBytes} bytes of records would be waiting, expected at most queueBytesMax, which is ${queueBytesMax}`,
    );
  }

  #checkBlocks(block: number, byteCount: number): void {
    const count = byteCount / blockBytes;
    const isInside =
      Number.isInteger(block) &&
      Number.isInteger(count) &&
      block >= 0 &&
      count >= 1 &&
      block + count <= this.blockCount;
    if (isInside) return;
    throw new RangeError(
      `${byteCount} bytes at block ${block}: expected whole blocks of ${blockBytes} bytes below block ${this.blockCount}`,
    );
  }

  #checkTransactionBlock(block: number, data: Uint8Array): void {
    this.#checkBlocks(block, data.length);
    if (data.length === blockBytes) return;
    throw new RangeError(`block ${block} has ${data.length} bytes, expected ${blockBytes}`);
  }

  #checkTransaction(byteCount: number): void {
    const { transactionBytesMax } = this.#parts.config;
    if (byteCount <= transactionBytesMax) return;
    throw new EngineRefusal(
      'too-large',
      `${byteCount} bytes in one operation, expected at most transactionBytesMax, which is ${transactionBytesMax}`,
    );
  }

  #checkRecord(type: number, payload: Uint8Array): void {
    const isUsable =
      Number.isInteger(type) &&
      type >= 0 &&
      type <= 0xffff &&
      isCallersType(type) &&
      (type & encryptedBit) === 0;
    if (!isUsable) {
      throw new RangeError(
        `record type 0x${type.toString(16)} is not the caller's: expected a number below 0x100 or from 0x200 to 0x3fff, with or without bit 15`,
      );
    }
    const payloadBytesMax = this.#need.capacityBytes - recordHeaderBytes;
    if (payload.length <= payloadBytesMax) return;
    throw new EngineRefusal(
      'too-large',
      `a payload of ${payload.length} bytes, expected at most ${payloadBytesMax}, what a batch holds`,
    );
  }

  #makeCommit(): GroupCommit {
    const { journal, config, recovered } = this.#parts;
    return new GroupCommit({
      io: journal,
      layout: this.layout,
      config,
      codec: recovered.codec,
      sealer: this.#sealer,
      need: this.#need,
      mirror: pageMirrorOf(recovered.superblock.durable),
      isStrict: recovered.superblock.durable.isStrict,
      durable: { ...recovered.head, nextLsn: recovered.epochStart.prevLastLsn + 1 },
      tailPageSeq: () => recovered.superblock.durable.tail.pageSeq,
      demandPages: (pages) => this.#destager.demand(pages) || this.#room.makeRoom(),
      reservedPages: (operation) => this.#room.reservedPages(operation),
      holder: () => this.#room.holder,
      onSealed: (batch) => {
        this.#noteSealed(batch);
      },
      onDurable: (batch) => {
        this.#noteDurable(batch);
      },
      onAcknowledged: (operation) => {
        this.#noteAcknowledged(operation);
      },
      onIdle: (isCarried) => {
        if (config.idleWatermark && !isCarried && this.#state === 'active') this.#watermark.arm();
      },
      onBusy: () => {
        this.#watermark.disarm();
      },
      onFailure: (error) => {
        this.#fail(error);
      },
    });
  }

  #openVolume(): VolumeMode {
    return this.#parts.recovered.volume.open({
      recordBytesMax: this.#need.capacityBytes,
      submit: (make) => this.#submit(make),
      withdraw: (operation, refusal) => this.#commit.withdraw(operation, refusal),
      acknowledgedLsn: () => this.#acknowledgedLsn,
      pagesFor: (byteCount) => this.#pagesFor(byteCount),
      fail: (error) => {
        this.#fail(error);
      },
    });
  }

  #makeDestager(): Destager {
    const { config, recovered } = this.#parts;
    return new Destager({
      layout: this.layout,
      config,
      superblock: recovered.superblock,
      live: this.#live,
      volume: this.#volume,
      head: () => this.#sealer.head,
      durable: () => this.#commit.durable,
      releases: () => this.#releases,
      keepConsumers: () => this.#keepConsumers(() => this.#consumers.table),
      onSpace: () => {
        this.#commit.pump();
      },
      onFailure: (error) => {
        this.#fail(error);
      },
    });
  }

  #noteSealed({ start, end, operations, endsInside }: SealedBatch): void {
    const keepsLsn = operations.reduce((lsn, one) => (one.isAppend ? one.lastLsn : lsn), 0);
    this.#live.add({ start, end, keepsLsn, endsInside });
  }

  #noteDurable({ end }: SealedBatch): void {
    this.#acknowledgedLsn = end.nextLsn - 1;
    this.#consumers.noteAcknowledged(this.#acknowledgedLsn);
    this.#live.noteDurable(end.pageSeq);
    this.#destager.noteProgress();
  }

  #noteAcknowledged(operation: Operation): void {
    const { isAppend, drafts, lastLsn: lsn, mark } = operation;
    if (mark !== undefined) this.#consumers.noteMark(mark);
    if (!isAppend) {
      if (mark === undefined || drafts.length > 1) this.#volume.noteAcknowledged(operation);
      return;
    }
    const { type, tenant, vshard, data: payload } = drafts[0]!;
    this.#payloads.noteAcknowledged(payload, lsn);
    if (lsn > this.#live.releasedLsn) this.#appended.add({ lsn, type, tenant, vshard, payload });
  }

  async #writeCleanSuperblock(): Promise<void> {
    const head = this.#sealer.head;
    await this.#parts.recovered.superblock.update({
      isClean: true,
      durableLsn: this.#commit.durable.nextLsn - 1,
      durablePageSeq: head.pageSeq,
      claimedEnd: head.pageSeq,
      nextLsnFloor: head.nextLsn,
      ...this.#releases,
    });
  }

  get #releases(): Pick<Superblock, 'releasedLsn' | 'consumers'> {
    const { releasedByCaller: releasedLsn, table: consumers } = this.#consumers;
    return { releasedLsn, consumers };
  }

  #makeConsumers(): Consumers {
    const { superblock } = this.#parts.recovered;
    const { consumers, releasedLsn } = superblock.durable;
    return new Consumers(consumers, releasedLsn, {
      appended: this.#appended,
      submit: (mark) => this.#submit((settled) => markConsumer(mark, settled)),
      store: async (table) => {
        await this.#keepConsumers(table);
        await superblock.update({ consumers: table() });
      },
      onReleased: () => {
        this.#noteReleased();
      },
    });
  }

  /** In a superblock of its own, so that the tail moves in one of the other pair (rule R7). */
  async #keepConsumers(table: () => ConsumerTable): Promise<void> {
    const { superblock } = this.#parts.recovered;
    const consumers = table();
    if (isSameTable(consumers, superblock.durable.consumers)) return;
    await superblock.update({ consumers });
  }

  #noteReleased(): void {
    this.#live.releasedLsn = Math.max(this.#live.releasedLsn, this.#consumers.releasedLsn);
    this.#appended.releaseThrough(this.#live.releasedLsn);
    this.#payloads.releaseThrough(this.#live.releasedLsn);
    this.#destager.noteProgress();
  }

  /** With those for the watermarks that a strict journal writes after its batches. */
  #pagesFor(byteCount: number): number {
    const { config, recovered } = this.#parts;
    const pages = this.#need.ofSmallRecords(byteCount);
    const { isStrict } = recovered.superblock.durable;
    return pages + (isStrict ? Math.ceil(pages / config.batchPagesMax) : 0);
  }

  #checkTakesMarks(): void {
    if (this.#volume.takesMarks === true) return;
    throw new EngineRefusal(
      'incompatible',
      'only modes "journal", "ordered" and "undo-redo" take a consumer\'s progress into a transaction',
    );
  }

  /** Fail-stop: a later flush could succeed without what the failed one was to make durable. */
  #fail(error: unknown): void {
    if (this.#state === 'failed' || this.#state === 'closed') return;
    this.#failure = error instanceof Error ? error.message : String(error);
    this.#stop('failed', this.#failure);
  }

  #stop(state: 'closed' | 'failed', reason: string): void {
    this.#state = state;
    this.#watermark.disarm();
    this.#parts.journal.stopWriting(reason);
    this.#parts.data.stopWriting(reason);
    this.#destager.stop();
    this.#appended.close();
    this.#volume.stop?.(reason);
    this.#parts.recovered.cipher?.[Symbol.dispose]();
    this.#commit.stop(reason);
  }
}

function closed(): EngineRefusal {
  return new EngineRefusal('closed', 'the journal is closed');
}
