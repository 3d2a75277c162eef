import { EngineRefusal } from '../../../../harness/contract/index.ts';
import {
  consumerMark,
  operationOf,
  ownDraft,
  txnBegin,
  txnBlock,
  txnCommit,
  type BlockData,
  type Operation,
  type RecordDraft,
  type RecordSpan,
  type Settlement,
} from '../../commit/operation.ts';
import type { ConsumerMark } from '../../format/consumer-mark.ts';
import type { Crc32c } from '../../format/crc32c.ts';
import {
  clrBytes,
  txnBlockHeadBytes,
  txnIdBytes,
  writeBlockWriteHead,
  writeClr,
  type Clr,
} from '../../format/payloads.ts';
import { recordTypes } from '../../format/record-types.ts';
import { recordHeaderBytes } from '../../format/record.ts';
import { viewOf, writeU64 } from '../../format/u64.ts';
import type { LockOwner } from './block-locks.ts';

/** What a transaction makes of a block. */
export interface BlockChange {
  readonly block: number;
  /** As last committed. */
  readonly before: Uint8Array;
  data: Uint8Array;
  /** Of its Undo record; 0 until that has one. */
  undoLsn: number;
  /** Whether the block's place holds `data` before the transaction has ended; `perhaps` is not yet durable. */
  stolen: 'no' | 'perhaps' | 'yes';
}

const noBlocks: readonly BlockData[] = [];
const clrRecordBytes = recordHeaderBytes + clrBytes;
const abortRecordBytes = recordHeaderBytes + txnIdBytes;

/** A transaction from its first record to the acknowledgement of its end. */
export class OpenTransaction implements RecordSpan, LockOwner {
  firstLsn = 0;
  recordCount = 0;
  digest = 0;
  isBrief: boolean;
  /** All its records, the commit record as well, come as one operation. */
  readonly #isWhole: boolean;
  /** Whose records are in the log, or on their way where the whole transaction is one operation. */
  readonly changes = new Map<number, BlockChange>();
  /** Made, but perhaps not in the log yet. */
  end: { readonly operation: Operation; readonly kind: 'commit' | 'rollback' } | undefined;

  constructor({ isWhole }: { readonly isWhole: boolean }) {
    this.#isWhole = isWhole;
    this.isBrief = isWhole;
  }

  /** Records of what ends it, whichever way: a commit is smaller than a rollback. */
  endBytes(changeCount: number): number {
    return changeCount * clrRecordBytes + abortRecordBytes;
  }

  /** The whole of it in one operation. */
  wholly(
    changes: readonly BlockChange[],
    mark: ConsumerMark | undefined,
    settled: Settlement,
    parts: ChangeParts,
  ): Operation {
    for (const change of changes) this.changes.set(change.block, change);
    const drafts = [
      this.#begin(parts),
      ...changes.flatMap((change) => this.#recordsOf(change, parts.crc32c)),
      ...(mark === undefined ? [] : [consumerMark(mark, this)]),
      txnCommit(),
    ];
    return this.#commitOf(drafts, settled, mark, () => {
      parts.onSealed();
    });
  }

  /** A change, and the beginning where it is the first. */
  changing(
    changes: readonly BlockChange[],
    again: readonly BlockData[],
    settled: Settlement,
    parts: ChangeParts,
  ): Operation {
    const drafts = [
      ...(this.recordCount === 0 ? [this.#begin(parts)] : []),
      ...changes.flatMap((change) => this.#recordsOf(change, parts.crc32c)),
      ...again.map((one) => txnBlock(one, parts.crc32c)),
    ];
    const onSealed = (): void => {
      parts.onSealed();
    };
    return operationOf(drafts, noBlocks, false, settled, { span: this, onSealed });
  }

  committing(settled: Settlement, onSealed: () => void): Operation {
    return this.#commitOf([txnCommit()], settled, undefined, onSealed);
  }

  rollingBack(settled: Settlement, onSealed: () => void): Operation {
    const drafts = [
      ...[...this.changes.values()]
        .reverse()
        .map(({ block, undoLsn }) => clrDraft({ txid: this.firstLsn, undoLsn, block })),
      abortDraft(this.firstLsn),
    ];
    const extras = { span: this, isEnding: true, onSealed };
    const operation = operationOf(drafts, noBlocks, false, settled, extras);
    this.end = { operation, kind: 'rollback' };
    return operation;
  }

  #commitOf(
    drafts: readonly RecordDraft[],
    settled: Settlement,
    mark: ConsumerMark | undefined,
    onSealed: () => void,
  ): Operation {
    const blocks = [...this.changes.values()].map(({ block, data }) => ({ block, data }));
    const extras = { span: this, isEnding: !this.#isWhole, mark, onSealed };
    const operation = operationOf(drafts, blocks, false, settled, extras);
    this.end = { operation, kind: 'commit' };
    return operation;
  }

  #begin(parts: ChangeParts): RecordDraft {
    const noteLsn = (): void => {
      parts.onBegun();
    };
    return { ...txnBegin(), noteLsn };
  }

  #recordsOf(change: BlockChange, crc32c: Crc32c): readonly RecordDraft[] {
    const { block, before, data } = change;
    const head = new Uint8Array(txnBlockHeadBytes);
    writeBlockWriteHead(head, txnIdBytes, { block, blockCount: 1, dataCrc: crc32c(before) });
    const noteLsn = (lsn: number): void => {
      change.undoLsn = lsn;
      writeU64(viewOf(head), 0, this.firstLsn);
    };
    const undo = { ...ownDraft(recordTypes.undo, head), data: before, noteLsn };
    return [undo, txnBlock({ block, data }, crc32c)];
  }
}

export interface ChangeParts {
  readonly crc32c: Crc32c;
  /** The first record has its LSN. */
  onBegun(): void;
  /** All records have theirs. */
  onSealed(): void;
}

export function clrDraft(clr: Clr): RecordDraft {
  const head = new Uint8Array(clrBytes);
  writeClr(head, clr);
  return ownDraft(recordTypes.clr, head);
}

export function abortDraft(txid: number): RecordDraft {
  const head = new Uint8Array(txnIdBytes);
  writeU64(viewOf(head), 0, txid);
  return ownDraft(recordTypes.txnAbort, head);
}

export function changesOf(
  versions: readonly BlockData[],
  before: readonly Uint8Array[],
): BlockChange[] {
  return versions.map(({ block, data }, index) => ({
    block,
    before: before[index]!,
    data,
    undoLsn: 0,
    stolen: 'no',
  }));
}

export function tooLarge(found: number, max: number): EngineRefusal {
  return new EngineRefusal(
    'too-large',
    `a transaction of ${found} blocks, expected at most ${max}: in this mode its records take two blocks each, of a quarter of the ring`,
  );
}
