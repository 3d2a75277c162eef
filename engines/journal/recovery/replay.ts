import { EngineRefusal } from '../../../harness/contract/index.ts';
import { blockBytes, type Layout } from '../format/layout.ts';
import type { LogPosition } from '../format/log-position.ts';
import { foldDigest } from '../format/mix.ts';
import {
  blockWriteHeadBytes,
  readBlockWriteHead,
  readSegmentHeader,
  readTxnCommit,
  txnIdBytes,
} from '../format/payloads.ts';
import { isCallersType, recordTypes, requiredBit } from '../format/record-types.ts';
import { recordAt, recordHeaderBytes } from '../format/record.ts';
import { readU64, viewOf } from '../format/u64.ts';
import type { AppendedRecord } from '../volume/appended-records.ts';
import { corruption } from './corruption.ts';
import type { WalkedBatch, WalkedLog, WalkedRecord } from './walk-log.ts';

/** A batch of the log with what keeps its pages from being given up. */
export interface ReplayedBatch {
  readonly start: LogPosition;
  readonly end: LogPosition;
  /** Highest LSN of an appended record in it that has not been released; 0 without one. */
  readonly keepsLsn: number;
  /** A transaction is open at its end, so the tail must not come to rest there. */
  readonly endsInside: boolean;
}

export interface ReplayedLog {
  /** Newest committed version of each block: offset of its data in the stream. */
  readonly blocks: ReadonlyMap<number, number>;
  readonly appended: readonly AppendedRecord[];
  readonly batches: readonly ReplayedBatch[];
  readonly recordsReplayed: number;
  /** Transactions whose commit record never came. */
  readonly transactionsDropped: number;
}

/**
 * Reads the records of the log in order. The answer is a pure function of the ring: physical contents
 * of whole blocks, the newest version of each, so that doing it twice, or again after a crash, comes
 * to the same (JOURNAL-ENGINE I9).
 */
export function replayLog(log: WalkedLog, layout: Layout, releasedLsn: number): ReplayedLog {
  const replay = new Replay(log, layout, releasedLsn);
  const batches = log.batches.map((batch) => replay.take(batch));
  return {
    blocks: replay.blocks,
    appended: replay.appended,
    batches,
    recordsReplayed: replay.recordsReplayed,
    transactionsDropped: replay.transactionsDropped + (replay.isInsideTransaction ? 1 : 0),
  };
}

interface OpenTransaction {
  readonly txid: number;
  readonly blocks: { readonly block: number; readonly dataAt: number }[];
  recordCount: number;
  digest: number;
}

class Replay {
  readonly blocks = new Map<number, number>();
  readonly appended: AppendedRecord[] = [];
  recordsReplayed = 0;
  transactionsDropped = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #layout: Layout;
  readonly #releasedLsn: number;
  #transaction: OpenTransaction | undefined;
  #keepsLsn = 0;

  constructor({ stream }: WalkedLog, layout: Layout, releasedLsn: number) {
    this.#bytes = stream;
    this.#view = viewOf(stream);
    this.#layout = layout;
    this.#releasedLsn = releasedLsn;
  }

  get isInsideTransaction(): boolean {
    return this.#transaction !== undefined;
  }

  take({ start, end, records }: WalkedBatch): ReplayedBatch {
    this.#keepsLsn = 0;
    for (const record of records) {
      if (record.type === recordTypes.segmentHeader) this.#checkSegment(record, start.prevDigest);
      else this.#apply(record);
    }
    return { start, end, keepsLsn: this.#keepsLsn, endsInside: this.isInsideTransaction };
  }

  #apply(record: WalkedRecord): void {
    const payloadAt = record.at + recordHeaderBytes;
    switch (record.type) {
      case recordTypes.blockWrite:
        this.#foldIntoTransaction(record, false);
        this.#blockWrite(record, payloadAt);
        break;
      case recordTypes.txnBegin:
        this.#begin(record, payloadAt);
        break;
      case recordTypes.txnBlock:
        this.#txnBlock(record, payloadAt);
        break;
      case recordTypes.txnCommit:
        this.#commit(record, payloadAt);
        break;
      case recordTypes.epochStart:
        this.#dropTransaction();
        break;
      default:
        this.#callersRecord(record, payloadAt);
    }
  }

  #blockWrite(record: WalkedRecord, payloadAt: number): void {
    const { block, blockCount } = this.#headOf(record, payloadAt, record.payloadBytes);
    for (let index = 0; index < blockCount; index++) {
      this.blocks.set(block + index, payloadAt + blockWriteHeadBytes + index * blockBytes);
    }
    this.recordsReplayed += 1;
  }

  #begin(record: WalkedRecord, payloadAt: number): void {
    const txid = readU64(this.#view, payloadAt);
    if (this.#transaction !== undefined || txid !== record.lsn) {
      throw strayRecord(record, 'begins a transaction inside another');
    }
    this.#transaction = { txid, blocks: [], recordCount: 0, digest: 0 };
    this.#foldIntoTransaction(record, true);
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
    this.#foldIntoTransaction(record, true);
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
    for (const { block, dataAt } of transaction.blocks) this.blocks.set(block, dataAt);
    this.recordsReplayed += 1;
    this.#transaction = undefined;
  }

  #foldIntoTransaction(record: WalkedRecord, isMember: boolean): void {
    if (this.#transaction === undefined) return;
    if (!isMember) throw strayRecord(record, 'stands inside a transaction');
    this.#transaction.recordCount += 1;
    const crc = this.#view.getUint32(record.at + recordAt.crc, true);
    this.#transaction.digest = foldDigest(this.#transaction.digest, crc);
  }

  /** The epoch ended before the commit record was durable, so nobody was told that it committed. */
  #dropTransaction(): void {
    if (this.#transaction !== undefined) this.transactionsDropped += 1;
    this.#transaction = undefined;
  }

  #callersRecord(record: WalkedRecord, payloadAt: number): void {
    if (!isCallersType(record.type)) {
      if ((record.type & requiredBit) === 0) return;
      throw new EngineRefusal(
        'incompatible',
        `the record with LSN ${record.lsn} has the type 0x${record.type.toString(16)}, which only a newer engine knows`,
      );
    }
    this.#foldIntoTransaction(record, false);
    if (record.lsn <= this.#releasedLsn) return;
    const { type, lsn, tenant, vshard, payloadBytes } = record;
    const payload = this.#bytes.slice(payloadAt, payloadAt + payloadBytes);
    this.appended.push({ type, lsn, tenant, vshard, payload });
    this.#keepsLsn = lsn;
    this.recordsReplayed += 1;
  }

  #headOf(
    record: WalkedRecord,
    headAt: number,
    byteCount: number,
  ): { readonly block: number; readonly blockCount: number } {
    const head = readBlockWriteHead(this.#view, headAt);
    const fits =
      byteCount === blockWriteHeadBytes + head.blockCount * blockBytes &&
      head.block + head.blockCount <= this.#layout.dataBlocks;
    if (!fits) throw strayRecord(record, 'writes outside the volume');
    return head;
  }

  /** A segment names what came before it, so that a segment that is not the next one is noticed. */
  #checkSegment(record: WalkedRecord, prevDigest: number): void {
    const header = readSegmentHeader(this.#view, record.at + recordHeaderBytes);
    const follows =
      header.firstLsn === record.lsn &&
      header.prevLastLsn === record.lsn - 1 &&
      header.prevDigest === prevDigest;
    if (!follows) throw strayRecord(record, 'heads a segment that does not follow the one before');
  }
}

function strayRecord(record: WalkedRecord, found: string): EngineRefusal {
  return corruption('record', `the record with LSN ${record.lsn} ${found}`);
}
