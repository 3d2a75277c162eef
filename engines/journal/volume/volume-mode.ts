import type { EngineRefusal, Platform } from '../../../harness/contract/index.ts';
import type { BlockData, Operation, Settlement } from '../commit/operation.ts';
import type { JournalConfig } from '../config.ts';
import type { ConsumerMark } from '../format/consumer-mark.ts';
import type { InPlaceWriter } from '../double-write/in-place-writer.ts';
import type { Crc32c } from '../format/crc32c.ts';
import type { Layout } from '../format/layout.ts';
import type { Superblock } from '../format/superblock.ts';
import type { DeviceIo } from '../io/device-io.ts';
import type { WalkedLog, WalkedRecord } from '../recovery/walk-log.ts';

/**
 * What a mode makes of the volume: where a changed block is written, what the log says of it, and what
 * recovery does about that. The log itself (batches, acknowledgement, the ring's space, epochs) is the
 * same in every mode and knows nothing of blocks.
 */
export interface VolumeKind {
  /** Before the superblocks of a new journal are written: what the mode keeps outside of the log. */
  format(site: VolumeSite): Promise<void>;
  /** The first step of recovery; `log` is what was found of it, read-only. */
  beginReplay(site: VolumeSite, log: WalkedLog): Promise<VolumeReplay>;
}

export interface VolumeSite {
  readonly journal: DeviceIo;
  /** The same as `journal` unless the data has a device of its own. */
  readonly data: DeviceIo;
  /** Writes blocks over older versions of themselves, by way of the double-write area if need be. */
  readonly inPlace: InPlaceWriter;
  readonly superblock: Superblock;
  readonly layout: Layout;
  readonly config: JournalConfig;
  readonly platform: Platform;
  readonly crc32c: Crc32c;
}

/** Recovery of the volume: takes the log's records in order, then puts what they say in place. */
export interface VolumeReplay {
  /** Operations that took effect. */
  readonly replayedCount: number;
  /** Whether the log's tail must not come to rest here: something is open that needs what is before. */
  readonly isInside: boolean;
  /** One of the engine's own records; false where it is not one of this mode's. */
  apply(record: WalkedRecord, payloadAt: number): boolean;
  /** A record of the caller's stands here. */
  passOver(record: WalkedRecord): void;
  /** Power was lost here once: nothing that is open goes on behind. */
  endEpoch(): void;
  /**
   * Writes what the log says to its place, durably, as a pure function of medium and log: a second
   * recovery after a crash in the middle does the same. Answers the blocks written.
   */
  restore(): Promise<number>;
  /** What the superblock is to say of the page of free places when this is claimed; 0 without one. */
  readonly freePageLsn?: number;
  /** The volume as it is now, for the time that the journal is open. */
  open(log: VolumeLog): VolumeMode;
}

/** The log as a mode writes to it. */
export interface VolumeLog {
  /** Most bytes of one record, header and all. */
  readonly recordBytesMax: number;
  /**
   * Queues an operation; resolves to its last LSN once it is durable. Throws EngineRefusal where it is
   * not taken, before it has any effect.
   */
  submit(make: (settled: Settlement) => Operation): Promise<number>;
  /** Takes back an operation of which nothing is in the log yet; it rejects with the refusal. */
  withdraw(operation: Operation, refusal: EngineRefusal): boolean;
  /** LSN of the last record that is durable and acknowledged. */
  acknowledgedLsn(): number;
  /** Pages that an operation with so many bytes of records may take. */
  pagesFor(byteCount: number): number;
  /** Something failed that must stop the journal: nothing is acknowledged any more. */
  fail(error: unknown): void;
}

export interface VolumeMode {
  /** Blocks in a row, all or nothing where the mode promises that. `data` is the mode's own. */
  write(block: number, data: Uint8Array): Promise<number>;
  /** Any blocks, each of `blockBytes`, all or nothing where the mode promises that. */
  transaction(changes: readonly BlockData[], mark?: ConsumerMark): Promise<number>;
  /** Whole blocks as they were last acknowledged. */
  read(block: number, target: Uint8Array): Promise<void>;
  /** Called in the order of the log when an operation is durable, before its caller learns of it. */
  noteAcknowledged(operation: Operation): void;
  /**
   * Makes durable outside of the ring what the log before that LSN says of the volume: its pages are
   * given up when this has resolved.
   */
  checkpoint(endLsn: number): Promise<void>;
  /** What the superblock is to say of the page of free places after that; 0 without one. */
  readonly freePageLsn?: number;
  /** Reads what there is of a block map. Throws EngineRefusal where it is damaged. */
  checkMap?(): Promise<void>;
  /** What has been acknowledged, but is not yet durable by the log alone, becomes durable. */
  flush(): Promise<void>;
  /** Whether `transaction` takes a consumer's mark into the same transaction. */
  readonly takesMarks?: boolean;
  /** Where transactions stay open over several calls. */
  readonly openTransactions?: OpenTransactions;
  /** The journal has stopped, for that reason: what the mode has not handed to the log never settles. */
  stop?(reason: string): void;
}

/** Transactions of which the log holds records, but not yet the end, keep its tail from moving. */
export interface OpenTransactions {
  /** LSN of the first record of the oldest of them; Infinity where there is none. */
  readonly heldFromLsn: number;
  /** Pages without which they could not be ended. */
  readonly reservedPages: number;
  begin(): Transaction;
  /**
   * The ring needs the pages that the oldest holds: it is rolled back, unless it is about to end
   * anyway. False where none can be.
   */
  rollBackOldest(): boolean;
  /** Rolls back all that callers have left open; none can be begun any more. */
  rollBackAll(): Promise<void>;
}

/** Changes that become visible, and durable, together when they are committed. */
export interface Transaction {
  /**
   * Changes whole blocks of 4 KiB from `block` on. Resolves when the change has its place in the log,
   * which is before it is durable. Rejects with EngineRefusal where another open transaction holds one
   * of the blocks, or where it is too large; afterwards it can only be rolled back.
   */
  write(block: number, bytes: Uint8Array): Promise<void>;
  /** As this transaction sees it: its own changes, else what was last acknowledged. */
  read(block: number, target: Uint8Array): Promise<void>;
  /** Resolves to the LSN of the commit record when all of it is durable; to 0 without a change. */
  commit(): Promise<number>;
  /** Takes back every change; resolves when that is durable. */
  abort(): Promise<void>;
}
