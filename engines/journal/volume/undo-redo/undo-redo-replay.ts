import type { RecordDraft } from '../../commit/operation.ts';
import { blockBytes } from '../../format/layout.ts';
import { foldDigest } from '../../format/mix.ts';
import {
  blockWriteHeadBytes,
  readBlockWriteHead,
  readClr,
  readTxnCommit,
  txnIdBytes,
} from '../../format/payloads.ts';
import { recordTypes } from '../../format/record-types.ts';
import { recordAt } from '../../format/record.ts';
import { readU64, viewOf } from '../../format/u64.ts';
import { strayRecord } from '../../recovery/corruption.ts';
import type { WalkedLog, WalkedRecord } from '../../recovery/walk-log.ts';
import { writeBlocks } from '../logged/write-blocks.ts';
import type {
  VolumeKind,
  VolumeLog,
  VolumeMode,
  VolumeReplay,
  VolumeSite,
} from '../volume-mode.ts';
import { abortDraft, clrDraft } from './open-transaction.ts';
import { UndoRedoVolume } from './undo-redo-volume.ts';

export const undoRedoVolume: VolumeKind = {
  format: () => Promise.resolve(),
  beginReplay: (site, log) => Promise.resolve(new UndoRedoReplay(site, log)),
};

/** An image of a block: offset of its data in the stream. */
interface Image {
  readonly block: number;
  readonly dataAt: number;
  readonly lsn: number;
}

interface FoundTransaction {
  readonly txid: number;
  /** The log begins inside of it. */
  readonly isCut: boolean;
  readonly before: Image[];
  readonly after: Image[];
  recordCount: number;
  digest: number;
}

/**
 * Rolls forward, then back, in one pass: a transaction counts where it commits. One that ends in a
 * TxnAbort, or not at all within its epoch, leaves what its Undo records say.
 *
 * A transaction that was open when an epoch ended was taken back by the recovery that began the next, so
 * this takes it back at the same place of the log, before anything of the next epoch: never at the
 * log's end, where newer transactions may have changed the block again.
 *
 * The tail may have come to rest inside a transaction that had ended by then, with all its changes in
 * place. What is left of its records is taken as it is: while it held a block nobody else changed it.
 */
class UndoRedoReplay implements VolumeReplay {
  replayedCount = 0;
  /** Wherever the tail comes to rest, what is left of the log can be read. */
  readonly isInside = false;
  readonly #site: VolumeSite;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #firstLsn: number;
  readonly #endLsn: number;
  readonly #blocks = new Map<number, number>();
  readonly #open = new Map<number, FoundTransaction>();
  /** Of the epochs that have ended; the next one's first records may name them. */
  readonly #losers = new Set<number>();
  #newestLosers: readonly FoundTransaction[] = [];

  constructor(site: VolumeSite, { stream, batches, end }: WalkedLog) {
    this.#site = site;
    this.#bytes = stream;
    this.#view = viewOf(stream);
    this.#firstLsn = batches[0]?.start.nextLsn ?? end.nextLsn;
    this.#endLsn = end.nextLsn;
  }

  apply(record: WalkedRecord, payloadAt: number): boolean {
    switch (record.type) {
      case recordTypes.txnBegin:
        this.#begin(record, payloadAt);
        return true;
      case recordTypes.undo:
        this.#image(record, payloadAt, 'before');
        return true;
      case recordTypes.txnBlock:
        this.#image(record, payloadAt, 'after');
        return true;
      case recordTypes.consumerMark:
        if (readU64(this.#view, payloadAt) !== 0)
          this.#fold(record, this.#owner(record, payloadAt));
        return true;
      case recordTypes.txnCommit:
        this.#commit(record, payloadAt);
        return true;
      case recordTypes.clr:
        this.#clr(record, payloadAt);
        return true;
      case recordTypes.txnAbort:
        this.#abort(record, payloadAt);
        return true;
      default:
        return false;
    }
  }

  passOver(): void {
    // Records of the caller's may stand anywhere between those of transactions.
  }

  endEpoch(): void {
    this.#newestLosers = [...this.#open.values()];
    for (const loser of this.#newestLosers) {
      this.#takeBack(loser);
      this.#losers.add(loser.txid);
    }
    this.#open.clear();
  }

  /** After a clean close everything is in place. */
  async restore(): Promise<number> {
    const { superblock, data } = this.#site;
    if (superblock.isClean || this.#blocks.size === 0) return 0;
    const dataOf = (block: number): Uint8Array => {
      const dataAt = this.#blocks.get(block)!;
      return this.#bytes.subarray(dataAt, dataAt + blockBytes);
    };
    const written = await writeBlocks(this.#site, this.#blocks.keys(), dataOf, this.#endLsn);
    await data.flushPlainWrites();
    return written;
  }

  open(log: VolumeLog): VolumeMode {
    return new UndoRedoVolume(this.#site, log, this.#compensation());
  }

  /** What has been taken back, for a reader of the log. */
  #compensation(): readonly RecordDraft[] {
    return this.#newestLosers.flatMap(({ txid, before }) => [
      ...before.toReversed().map(({ block, lsn }) => clrDraft({ txid, undoLsn: lsn, block })),
      abortDraft(txid),
    ]);
  }

  #begin(record: WalkedRecord, payloadAt: number): void {
    const txid = readU64(this.#view, payloadAt);
    if (txid !== record.lsn) throw strayRecord(record, 'begins a transaction of another number');
    this.#fold(record, this.#found(txid, false));
  }

  #image(record: WalkedRecord, payloadAt: number, side: 'before' | 'after'): void {
    const transaction = this.#owner(record, payloadAt);
    const headAt = payloadAt + txnIdBytes;
    const { block, blockCount } = readBlockWriteHead(this.#view, headAt);
    const fits =
      blockCount === 1 &&
      record.payloadBytes === txnIdBytes + blockWriteHeadBytes + blockBytes &&
      block < this.#site.layout.dataBlocks;
    if (!fits) throw strayRecord(record, 'has no block of the volume');
    transaction[side].push({ block, dataAt: headAt + blockWriteHeadBytes, lsn: record.lsn });
    this.#fold(record, transaction);
  }

  #commit(record: WalkedRecord, payloadAt: number): void {
    const transaction = this.#owner(record, payloadAt);
    const { recordCount, firstLsn, digest } = readTxnCommit(this.#view, payloadAt);
    const commits =
      firstLsn === transaction.txid &&
      (transaction.isCut ||
        (transaction.recordCount === recordCount && transaction.digest === digest));
    if (!commits) throw strayRecord(record, 'commits a transaction that is not the one before it');
    for (const { block, dataAt } of transaction.after) this.#blocks.set(block, dataAt);
    this.#open.delete(transaction.txid);
    this.replayedCount += 1;
  }

  /** Says what TxnAbort does, and must agree with the Undo record that it names. */
  #clr(record: WalkedRecord, payloadAt: number): void {
    const { txid, undoLsn, block } = readClr(this.#view, payloadAt);
    if (this.#losers.has(txid) || undoLsn < this.#firstLsn) return;
    const transaction = this.#owner(record, payloadAt);
    const undoes = transaction.before.some(
      (image) => image.lsn === undoLsn && image.block === block,
    );
    if (!undoes) throw strayRecord(record, 'takes back what is not in the log');
  }

  #abort(record: WalkedRecord, payloadAt: number): void {
    const txid = readU64(this.#view, payloadAt);
    if (this.#losers.has(txid)) return;
    const transaction = this.#owner(record, payloadAt);
    this.#takeBack(transaction);
    this.#open.delete(transaction.txid);
  }

  #takeBack({ before }: FoundTransaction): void {
    for (const { block, dataAt } of before.toReversed()) this.#blocks.set(block, dataAt);
  }

  /** The transaction that a record names, which may have begun before the log does. */
  #owner(record: WalkedRecord, payloadAt: number): FoundTransaction {
    const txid = readU64(this.#view, payloadAt);
    const found = this.#open.get(txid);
    if (found !== undefined) return found;
    if (txid >= this.#firstLsn || this.#losers.has(txid)) {
      throw strayRecord(record, 'belongs to no open transaction');
    }
    return this.#found(txid, true);
  }

  #found(txid: number, isCut: boolean): FoundTransaction {
    const transaction = { txid, isCut, before: [], after: [], recordCount: 0, digest: 0 };
    this.#open.set(txid, transaction);
    return transaction;
  }

  #fold(record: WalkedRecord, transaction: FoundTransaction): void {
    transaction.recordCount += 1;
    const crc = this.#view.getUint32(record.at + recordAt.crc, true);
    transaction.digest = foldDigest(transaction.digest, crc);
  }
}
