import type { Crc32c } from '../format/crc32c.ts';
import { blockBytes } from '../format/layout.ts';
import {
  blockWriteHeadBytes,
  txnBeginBytes,
  txnBlockHeadBytes,
  txnCommitBytes,
  txnIdBytes,
  writeBlockWriteHead,
} from '../format/payloads.ts';
import { recordTypes } from '../format/record-types.ts';
import { recordHeaderBytes } from '../format/record.ts';

/** A record that has no LSN yet. Its payload is `head`, then `data`. */
export interface RecordDraft {
  readonly type: number;
  readonly tenant: number;
  readonly vshard: number;
  readonly head: Uint8Array;
  readonly data: Uint8Array;
}

export interface BlockData {
  readonly block: number;
  readonly data: Uint8Array;
}

/** What one call asks of the log: its records, and what becomes of it when they are durable. */
export interface Operation {
  readonly drafts: readonly RecordDraft[];
  /** Of all its records. */
  readonly byteCount: number;
  /** Block versions that reads serve once it is acknowledged. */
  readonly blocks: readonly BlockData[];
  readonly isAppend: boolean;
  /** Records that have been given their LSN and place. */
  sealedCount: number;
  sealedBytes: number;
  isSettled: boolean;
  firstLsn: number;
  lastLsn: number;
  /** Over the CRCs of its records so far; the commit record of a transaction carries it. */
  digest: number;
  readonly settled: Settlement;
}

export interface Settlement {
  resolve(lsn: number): void;
  reject(error: Error): void;
}

const nothing = new Uint8Array(0);
const noBlocks: readonly BlockData[] = [];

/** Blocks that follow each other, in one record: all or nothing. `data` must not change any more. */
export function blockWrite(
  block: number,
  data: Uint8Array,
  settled: Settlement,
  crc32c: Crc32c,
): Operation {
  const blockCount = data.length / blockBytes;
  const head = new Uint8Array(blockWriteHeadBytes);
  writeBlockWriteHead(head, 0, { block, blockCount, dataCrc: crc32c(data) });
  const draft = { type: recordTypes.blockWrite, tenant: 0, vshard: 0, head, data };
  return operationOf([draft], blocksOf(block, data), false, settled);
}

/** Any blocks, all or nothing, however many batches they take. */
export function transaction(
  blocks: readonly BlockData[],
  settled: Settlement,
  crc32c: Crc32c,
): Operation {
  const drafts = [
    ownDraft(recordTypes.txnBegin, new Uint8Array(txnBeginBytes)),
    ...blocks.map((one) => txnBlock(one, crc32c)),
    ownDraft(recordTypes.txnCommit, new Uint8Array(txnCommitBytes)),
  ];
  return operationOf(drafts, blocks, false, settled);
}

/** A record of the caller's. `payload` must not change any more. */
export function appendRecord(
  record: { readonly type: number; readonly tenant: number; readonly vshard: number },
  payload: Uint8Array,
  settled: Settlement,
): Operation {
  const { type, tenant, vshard } = record;
  const draft = { type, tenant, vshard, head: nothing, data: payload };
  return operationOf([draft], noBlocks, true, settled);
}

export function blocksOf(block: number, data: Uint8Array): BlockData[] {
  return Array.from({ length: data.length / blockBytes }, (_, index) => ({
    block: block + index,
    data: data.subarray(index * blockBytes, (index + 1) * blockBytes),
  }));
}

/** The id in front is filled in when the transaction gets its LSN. */
function txnBlock({ block, data }: BlockData, crc32c: Crc32c): RecordDraft {
  const head = new Uint8Array(txnBlockHeadBytes);
  writeBlockWriteHead(head, txnIdBytes, { block, blockCount: 1, dataCrc: crc32c(data) });
  return { ...ownDraft(recordTypes.txnBlock, head), data };
}

function ownDraft(type: number, head: Uint8Array): RecordDraft {
  return { type, tenant: 0, vshard: 0, head, data: nothing };
}

function operationOf(
  drafts: readonly RecordDraft[],
  blocks: readonly BlockData[],
  isAppend: boolean,
  settled: Settlement,
): Operation {
  return {
    drafts,
    blocks,
    isAppend,
    settled,
    byteCount: recordBytesOf(drafts),
    isSettled: false,
    sealedCount: 0,
    sealedBytes: 0,
    firstLsn: 0,
    lastLsn: 0,
    digest: 0,
  };
}

function recordBytesOf(drafts: readonly RecordDraft[]): number {
  let byteCount = 0;
  for (const draft of drafts) byteCount += draftBytes(draft);
  return byteCount;
}

/** Bytes of the caller's in it. */
export function userBytesOf({ drafts, blocks, isAppend }: Operation): number {
  if (isAppend) return drafts[0]!.data.length;
  let byteCount = 0;
  for (const { data } of blocks) byteCount += data.length;
  return byteCount;
}

export function draftBytes({ head, data }: RecordDraft): number {
  return recordHeaderBytes + head.length + data.length;
}
