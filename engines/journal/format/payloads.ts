import { readU64, viewOf, writeU64 } from './u64.ts';

/** Layouts of the payloads of the engine's own records (README, "Records"). */

/** BlockWrite: this head, then the data of `blockCount` blocks. */
export interface BlockWriteHead {
  readonly block: number;
  readonly blockCount: number;
  readonly dataCrc: number;
}
export const blockWriteHeadBytes = 16;

export function writeBlockWriteHead(target: Uint8Array, at: number, head: BlockWriteHead): void {
  const view = viewOf(target);
  writeU64(view, at, head.block);
  view.setUint16(at + 8, head.blockCount, true);
  view.setUint16(at + 10, 0, true);
  view.setUint32(at + 12, head.dataCrc, true);
}

export function readBlockWriteHead(view: DataView, at: number): BlockWriteHead {
  return {
    block: readU64(view, at),
    blockCount: view.getUint16(at + 8, true),
    dataCrc: view.getUint32(at + 12, true),
  };
}

/** TxnBegin: the transaction's id, which is the LSN of this record, and how many blocks follow. */
export const txnBeginBytes = 12;
/**
 * TxnBlock: the id, then a BlockWrite. Undo is the same with the contents from before the transaction,
 * TxnAbort the id alone.
 */
export const txnIdBytes = 8;
export const txnBlockHeadBytes = txnIdBytes + blockWriteHeadBytes;

/** TxnCommit: `digest` folds the CRCs of the `recordCount` records from TxnBegin on. */
export interface TxnCommit {
  readonly txid: number;
  readonly recordCount: number;
  readonly firstLsn: number;
  readonly digest: number;
}
export const txnCommitBytes = 24;

export function writeTxnCommit(target: Uint8Array, commit: TxnCommit): void {
  const view = viewOf(target);
  writeU64(view, 0, commit.txid);
  view.setUint32(8, commit.recordCount, true);
  writeU64(view, 12, commit.firstLsn);
  view.setUint32(20, commit.digest, true);
}

export function readTxnCommit(view: DataView, at: number): TxnCommit {
  return {
    txid: readU64(view, at),
    recordCount: view.getUint32(at + 8, true),
    firstLsn: readU64(view, at + 12),
    digest: view.getUint32(at + 20, true),
  };
}

/** Clr: one of its changes is taken back, to the image in the Undo record with that LSN. */
export interface Clr {
  readonly txid: number;
  readonly undoLsn: number;
  readonly block: number;
}
export const clrBytes = 24;

export function writeClr(target: Uint8Array, { txid, undoLsn, block }: Clr): void {
  const view = viewOf(target);
  writeU64(view, 0, txid);
  writeU64(view, 8, undoLsn);
  writeU64(view, 16, block);
}

export function readClr(view: DataView, at: number): Clr {
  return {
    txid: readU64(view, at),
    undoLsn: readU64(view, at + 8),
    block: readU64(view, at + 16),
  };
}

/** EpochStart: the first record of the first batch of an epoch. */
export interface EpochStart {
  readonly epoch: number;
  readonly prevEpoch: number;
  readonly prevLastLsn: number;
  readonly firstLsn: number;
  readonly firstPageSeq: number;
  readonly salt: Uint8Array;
}
export const saltBytes = 32;
export const epochStartBytes = 32 + saltBytes;

export function writeEpochStart(target: Uint8Array, start: EpochStart): void {
  const view = viewOf(target);
  view.setUint32(0, start.epoch, true);
  view.setUint32(4, start.prevEpoch, true);
  writeU64(view, 8, start.prevLastLsn);
  writeU64(view, 16, start.firstLsn);
  writeU64(view, 24, start.firstPageSeq);
  target.set(start.salt, 32);
}

export function readEpochStart(bytes: Uint8Array, at: number): EpochStart {
  const view = viewOf(bytes);
  return {
    epoch: view.getUint32(at, true),
    prevEpoch: view.getUint32(at + 4, true),
    prevLastLsn: readU64(view, at + 8),
    firstLsn: readU64(view, at + 16),
    firstPageSeq: readU64(view, at + 24),
    salt: bytes.slice(at + 32, at + epochStartBytes),
  };
}

/** SegHdr: the first record that begins in a segment, and what came before it. */
export interface SegmentHeader {
  readonly generation: number;
  readonly firstLsn: number;
  readonly prevLastLsn: number;
  readonly prevDigest: number;
}
export const segmentHeaderBytes = 24;

export function writeSegmentHeader(target: Uint8Array, header: SegmentHeader): void {
  const view = viewOf(target);
  view.setUint32(0, header.generation, true);
  writeU64(view, 4, header.firstLsn);
  writeU64(view, 12, header.prevLastLsn);
  view.setUint32(20, header.prevDigest, true);
}

export function readSegmentHeader(view: DataView, at: number): SegmentHeader {
  return {
    generation: view.getUint32(at, true),
    firstLsn: readU64(view, at + 4),
    prevLastLsn: readU64(view, at + 12),
    prevDigest: view.getUint32(at + 20, true),
  };
}

/** MapUpdate: so many entries as fill the payload, one per block of the operation. */
export interface MapChange {
  readonly block: number;
  /** Block of the data area that holds it from now on. */
  readonly physical: number;
  /** format/block-digest.ts; 0 in mode `writeback`, where it is not known that the data arrives. */
  readonly dataDigest: number;
}
export const mapChangeBytes = 20;

export function writeMapChange(view: DataView, at: number, change: MapChange): void {
  writeU64(view, at, change.block);
  writeU64(view, at + 8, change.physical);
  view.setUint32(at + 16, change.dataDigest, true);
}

export function readMapChange(view: DataView, at: number): MapChange {
  return {
    block: readU64(view, at),
    physical: readU64(view, at + 8),
    dataDigest: view.getUint32(at + 16, true),
  };
}
