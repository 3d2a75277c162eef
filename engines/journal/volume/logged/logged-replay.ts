import { blockBytes } from '../../format/layout.ts';
import { foldDigest } from '../../format/mix.ts';
import {
  blockWriteHeadBytes,
  readBlockWriteHead,
  readTxnCommit,
  txnIdBytes,
} from '../../format/payloads.ts';
import { recordTypes } from '../../format/record-types.ts';
import { recordAt } from '../../format/record.ts';
import { readU64, viewOf } from '../../format/u64.ts';
import { strayRecord } from '../../recovery/corruption.ts';
import type { WalkedLog, WalkedRecord } from '../../recovery/walk-log.ts';
import type {
  VolumeKind,
  VolumeLog,
  VolumeMode,
  VolumeReplay,
  VolumeSite,
} from '../volume-mode.ts';
import { LoggedVolume } from './logged-volume.ts';
import { NewestBlocks } from './newest-blocks.ts';
import { writeSortedBlocks } from './write-blocks.ts';

export const loggedVolume: VolumeKind = {
  format: () => Promise.resolve(),
  beginReplay: (site, log) => Promise.resolve(new LoggedReplay(site, log)),
};

interface OpenTransaction {
  readonly txid: number;
  readonly blocks: { readonly block: number; readonly dataAt: number }[];
  recordCount: number;
  digest: number;
}

/**
 * Finds the newest committed version of each block. Physical contents of whole blocks: doing it twice,
 * or again after a crash, comes to the same (JOURNAL-ENGINE I9).
 */
class LoggedReplay implements VolumeReplay {
  replayedCount = 0;
  readonly #site: VolumeSite;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #endLsn: number;
  /** What was committed, with the offset of its data in the stream. */
  readonly #blocks = new NewestBlocks();
  #transaction: OpenTransaction | undefined;

  constructor(site: VolumeSite, { stream, end }: WalkedLog) {
    this.#site = site;
    this.#endLsn = end.nextLsn;
    this.#bytes = stream;
    this.#view = viewOf(stream);
  }

  get isInside(): boolean {
    return this.#transaction !== undefined;
  }

  apply(record: WalkedRecord, payloadAt: number): boolean {
    switch (record.type) {
      case recordTypes.blockWrite:
        this.passOver(record);
        this.#blockWrite(record, payloadAt);
        return true;
      case recordTypes.txnBegin:
        this.#begin(record, payloadAt);
        return true;
      case recordTypes.txnBlock:
        this.#txnBlock(record, payloadAt);
        return true;
      case recordTypes.consumerMark:
        this.#mark(record, payloadAt);
        return true;
      case recordTypes.txnCommit:
        this.#commit(record, payloadAt);
        return true;
      default:
        return false;
    }
  }

  /** Nothing else stands between the records of a transaction. */
  passOver(record: WalkedRecord): void {
    if (this.isInside) throw strayRecord(record, 'stands inside a transaction');
  }

  /** The commit record was not durable, so nobody was told that the transaction committed. */
  endEpoch(): void {
    this.#transaction = undefined;
  }

  /** After a clean close everything is in place; records that were kept are there for their reader. */
  async restore(): Promise<number> {
    const { superblock, data } = this.#site;
    if (superblock.isClean || this.#blocks.isEmpty) return 0;
    const { blocks, dataAt } = this.#blocks.sorted();
    const dataOf = (index: number): Uint8Array =>
      this.#bytes.subarray(dataAt[index], dataAt[index]! + blockBytes);
    await writeSortedBlocks(this.#site, blocks, dataOf, this.#endLsn);
    await data.flushPlainWrites();
    return blocks.length;
  }

  open(log: VolumeLog): VolumeMode {
    return new LoggedVolume(this.#site, log);
  }

  #blockWrite(record: WalkedRecord, payloadAt: number): void {
    const { block, blockCount } = this.#headOf(record, payloadAt, record.payloadBytes);
    for (let index = 0; index < blockCount; index++) {
      this.#blocks.add(block + index, payloadAt + blockWriteHeadBytes + index * blockBytes);
    }
    this.replayedCount += 1;
  }

  #begin(record: WalkedRecord, payloadAt: number): void {
    const txid = readU64(this.#view, payloadAt);
    if (this.#transaction !== undefined || txid !== record.lsn) {
      throw strayRecord(record, 'begins a transaction inside another');
    }
    this.#transaction = { txid, blocks: [], recordCount: 0, digest: 0 };
    this.#fold(record, this.#transaction);
  }

  #txnBlock(record: WalkedRecord, payloadAt: number): void {
    const transaction = this.#transaction;
    if (transaction?.txid !== readU64(this.#view, payloadAt)) {
      throw strayRecord(record, 'belongs to no open transaction');
    }
    const headAt = payloadAt + txnIdBytes;
    const head = this.#headOf(record, headAt, record.payloadBytes - txnIdBytes);
    for (let index = 0; index < head.blockCount; index++) {
      const dataAt = headAt + blockWriteHeadBytes + index * blockBytes;
      transaction.blocks.push({ block: head.block + index, dataAt });
    }
    this.#fold(record, transaction);
  }

  /** By itself it is none of the volume's business. */
  #mark(record: WalkedRecord, payloadAt: number): void {
    const txid = readU64(this.#view, payloadAt);
    if (txid === 0) {
      this.passOver(record);
      return;
    }
    if (this.#transaction?.txid !== txid) {
      throw strayRecord(record, 'belongs to no open transaction');
    }
    this.#fold(record, this.#transaction);
  }

  /** The commit record decides: its digest covers every record of the transaction. */
  #commit(record: WalkedRecord, payloadAt: number): void {
    const transaction = this.#transaction;
    const { txid, recordCount, firstLsn, digest } = readTxnCommit(this.#view, payloadAt);
    const commits =
      transaction?.txid === txid &&
      transaction.recordCount === recordCount &&
      transaction.digest === digest &&
      txid === firstLsn;
    if (!commits) throw strayRecord(record, 'commits a transaction that is not the one before it');
    for (const { block, dataAt } of transaction.blocks) this.#blocks.add(block, dataAt);
    this.replayedCount += 1;
    this.#transaction = undefined;
  }

  #fold(record: WalkedRecord, transaction: OpenTransaction): void {
    transaction.recordCount += 1;
    const crc = this.#view.getUint32(record.at + recordAt.crc, true);
    transaction.digest = foldDigest(transaction.digest, crc);
  }

  #headOf(
    record: WalkedRecord,
    headAt: number,
    byteCount: number,
  ): { readonly block: number; readonly blockCount: number } {
    const head = readBlockWriteHead(this.#view, headAt);
    const fits =
      byteCount === blockWriteHeadBytes + head.blockCount * blockBytes &&
      head.block + head.blockCount <= this.#site.layout.dataBlocks;
    if (!fits) throw strayRecord(record, 'writes outside the volume');
    return head;
  }
}
