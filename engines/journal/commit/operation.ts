import { encodeConsumerMark, type ConsumerMark } from '../format/consumer-mark.ts';
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
import { viewOf, writeU64 } from '../format/u64.ts';

/** A record that has no LSN yet. Its payload is `head`, then `data`. */
export interface RecordDraft {
  readonly type: number;
  readonly tenant: number;
  readonly vshard: number;
  readonly head: Uint8Array;
  readonly data: Uint8Array;
  /** Told its LSN before its CRC is computed: it may complete `head`. */
  readonly noteLsn?: ((lsn: number) => void) | undefined;
}

/** Records that belong together, be it over several operations: those of one transaction. */
export interface RecordSpan {
  firstLsn: number;
  recordCount: number;
  /** Over the CRCs of its records so far; the commit record of a transaction carries it. */
  digest: number;
}

export interface BlockData {
  readonly block: number;
  readonly data: Uint8Array;
}

/**
 * What one call asks of the log: its records, and what becomes of it when they are durable. It is the
 * span of its own records, unless it is a part of a larger one.
 */
export interface Operation extends RecordSpan {
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
  lastLsn: number;
  readonly settled: Settlement;
  /** Of the transaction that it is only a part of. */
  readonly span: RecordSpan | undefined;
  /** Ends what holds the ring's tail: it goes first, and may use the pages that are kept for it. */
  readonly isEnding: boolean;
  /** How far a consumer of appended records is when this is durable. */
  readonly mark: ConsumerMark | undefined;
  /** Called when its last record has its LSN: from then on it cannot be refused any more. */
  readonly onSealed: (() => void) | undefined;
}

export type OperationExtras = Partial<Pick<Operation, 'span' | 'isEnding' | 'mark' | 'onSealed'>>;

export interface Settlement {
  resolve(lsn: number): void;
  reject(error: Error): void;
}

const nothing = new Uint8Array(0);
const noBlocks: readonly BlockData[] = [];
const noExtras: OperationExtras = {};

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

/** Any blocks, all or nothing, however many batches they take, and with them a consumer's mark. */
export function transaction(
  blocks: readonly BlockData[],
  settled: Settlement,
  crc32c: Crc32c,
  mark?: ConsumerMark,
): Operation {
  const span: RecordSpan = { firstLsn: 0, recordCount: 0, digest: 0 };
  const drafts = [
    txnBegin(),
    ...blocks.map((one) => txnBlock(one, crc32c)),
    ...(mark === undefined ? [] : [consumerMark(mark, span)]),
    txnCommit(),
  ];
  return operationOf(drafts, blocks, false, settled, { span, mark });
}

/** How far a consumer is, by itself. */
export function markConsumer(mark: ConsumerMark, settled: Settlement): Operation {
  return operationOf([consumerMark(mark, undefined)], noBlocks, false, settled, { mark });
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

export function txnBegin(): RecordDraft {
  return ownDraft(recordTypes.txnBegin, new Uint8Array(txnBeginBytes));
}

export function txnCommit(): RecordDraft {
  return ownDraft(recordTypes.txnCommit, new Uint8Array(txnCommitBytes));
}

/** A part of the transaction whose records are `span`, or one by itself. */
export function consumerMark(mark: ConsumerMark, span: RecordSpan | undefined): RecordDraft {
  const head = encodeConsumerMark(mark);
  const draft = ownDraft(recordTypes.consumerMark, head);
  if (span === undefined) return draft;
  const noteLsn = (): void => {
    writeU64(viewOf(head), 0, span.firstLsn);
  };
  return { ...draft, noteLsn };
}

/** The id in front is filled in when the transaction gets its LSN. */
export function txnBlock({ block, data }: BlockData, crc32c: Crc32c): RecordDraft {
  const head = new Uint8Array(txnBlockHeadBytes);
  writeBlockWriteHead(head, txnIdBytes, { block, blockCount: 1, dataCrc: crc32c(data) });
  return { ...ownDraft(recordTypes.txnBlock, head), data };
}

export function ownDraft(type: number, head: Uint8Array): RecordDraft {
  return { type, tenant: 0, vshard: 0, head, data: nothing };
}

export function operationOf(
  drafts: readonly RecordDraft[],
  blocks: readonly BlockData[],
  isAppend: boolean,
  settled: Settlement,
  extras: OperationExtras = noExtras,
): Operation {
  return {
    drafts,
    blocks,
    isAppend,
    settled,
    span: extras.span,
    isEnding: extras.isEnding ?? false,
    mark: extras.mark,
    onSealed: extras.onSealed,
    byteCount: recordBytesOf(drafts),
    isSettled: false,
    sealedCount: 0,
    sealedBytes: 0,
    firstLsn: 0,
    lastLsn: 0,
    recordCount: 0,
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
