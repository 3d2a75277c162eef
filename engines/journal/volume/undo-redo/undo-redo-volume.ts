import {
  blocksOf,
  operationOf,
  type BlockData,
  type Operation,
  type RecordDraft,
} from '../../commit/operation.ts';
import type { ConsumerMark } from '../../format/consumer-mark.ts';
import { blockBytes } from '../../format/layout.ts';
import { readVolume } from '../logged/read-volume.ts';
import type { OpenTransactions, VolumeLog, VolumeMode, VolumeSite } from '../volume-mode.ts';
import { BlockLocks } from './block-locks.ts';
import { CallersTransactions } from './callers-transactions.ts';
import { OpenTransaction, changesOf, tooLarge, type ChangeParts } from './open-transaction.ts';
import { InPlaceState } from './in-place-state.ts';

const openMax = 64;
/** Each open transaction keeps a page or more of the ring for its end. */
const pagesPerOpen = 16;

/**
 * Mode `undo-redo`: the log has what a block held before a transaction and what it holds after. So a
 * checkpoint may write a block in place before its transaction has ended (steal), and a commit need
 * not write it there (no-force).
 */
export class UndoRedoVolume implements VolumeMode {
  readonly takesMarks = true;
  readonly openTransactions: OpenTransactions;
  readonly #site: VolumeSite;
  readonly #log: VolumeLog;
  readonly #state: InPlaceState;
  readonly #locks = new BlockLocks();
  /** What a block holds once the newest ended transaction is durable, until it is. */
  readonly #sealed = new Map<number, Uint8Array>();
  readonly #running = new Set<Promise<unknown>>();

  /** `compensation`: what recovery has taken back, for the log to say. */
  constructor(site: VolumeSite, log: VolumeLog, compensation: readonly RecordDraft[]) {
    this.#site = site;
    this.#log = log;
    this.#state = new InPlaceState(site, log);
    this.openTransactions = new CallersTransactions({
      log,
      state: this.#state,
      locks: this.#locks,
      blockCount: site.layout.dataBlocks,
      changesMax: this.#changesMax,
      openMax: Math.max(2, Math.min(openMax, Math.floor(site.layout.ringPages / pagesPerOpen))),
      beforeOf: (blocks) => this.#beforeOf(blocks),
      readCommitted: (block, target) => this.read(block, target),
      partsOf: (transaction, onSealed) => this.#partsOf(transaction, onSealed),
      noteEnded: (transaction) => {
        this.#noteEnded(transaction);
      },
    });
    if (compensation.length > 0) queueMicrotask(() => void this.#compensate(compensation));
  }

  write(block: number, data: Uint8Array): Promise<number> {
    return this.transaction(blocksOf(block, data));
  }

  transaction(changes: readonly BlockData[], mark?: ConsumerMark): Promise<number> {
    const running = this.#run(changes, mark);
    this.#running.add(running);
    const forget = (): void => void this.#running.delete(running);
    running.then(forget, forget);
    return running;
  }

  read(block: number, target: Uint8Array): Promise<void> {
    const { data, layout } = this.#site;
    return readVolume(data, layout, this.#state.pending, block, target);
  }

  noteAcknowledged(operation: Operation): void {
    const transaction = operation.span;
    if (!(transaction instanceof OpenTransaction) || transaction.end?.operation !== operation)
      return;
    this.#state.settle(transaction, transaction.end.kind);
    for (const [block, image] of imagesAtEnd(transaction)) {
      if (this.#sealed.get(block) === image) this.#sealed.delete(block);
    }
  }

  checkpoint(endLsn: number): Promise<void> {
    return this.#state.checkpoint(endLsn);
  }

  /** Until what was submitted has come as far as the log, whose matter it then is. */
  async flush(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  /** The records of a change hold the block twice, and an operation may take a quarter of the ring. */
  get #changesMax(): number {
    const { config, layout } = this.#site;
    const quarterBytes = Math.floor(layout.ringPages / 4) * layout.pageBytes;
    return Math.floor(Math.min(config.transactionBytesMax, quarterBytes / 2) / blockBytes);
  }

  async #run(changes: readonly BlockData[], mark: ConsumerMark | undefined): Promise<number> {
    const latest = newestOf(changes);
    const blocks = latest.map(({ block }) => block);
    if (blocks.length > this.#changesMax) throw tooLarge(blocks.length, this.#changesMax);
    const transaction = new OpenTransaction({ isWhole: true });
    await this.#locks.take(transaction, blocks);
    try {
      const before = await this.#beforeOf(blocks);
      const parts = this.#partsOf(transaction, () => {
        this.#noteEnded(transaction);
      });
      return await this.#log.submit((settled) =>
        transaction.wholly(changesOf(latest, before), mark, settled, parts),
      );
    } finally {
      this.#locks.giveBack(transaction, blocks);
    }
  }

  #partsOf(transaction: OpenTransaction, onSealed: () => void): ChangeParts {
    const onBegun = (): void => {
      this.#state.begun.add(transaction);
    };
    return { crc32c: this.#site.crc32c, onBegun, onSealed };
  }

  /** It cannot be refused any more and comes before whatever follows: others may build on it. */
  #noteEnded(transaction: OpenTransaction): void {
    for (const [block, image] of imagesAtEnd(transaction)) this.#sealed.set(block, image);
    this.#locks.giveBack(transaction, transaction.changes.keys());
  }

  /** What the blocks hold for whoever has their locks: the newest version that cannot be refused. */
  #beforeOf(blocks: readonly number[]): Promise<readonly Uint8Array[]> {
    return Promise.all(blocks.map((block) => this.#newestOf(block)));
  }

  async #newestOf(block: number): Promise<Uint8Array> {
    const sealed = this.#sealed.get(block);
    if (sealed !== undefined) return sealed;
    const image = this.#site.data.device.allocate(blockBytes);
    await this.read(block, image);
    return image;
  }

  /** Nothing depends on it: a reader of the log takes an epoch's losers back at its end anyway. */
  async #compensate(drafts: readonly RecordDraft[]): Promise<void> {
    try {
      await this.#log.submit((settled) => operationOf(drafts, [], false, settled));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }
}

/** One version of each block, the last named. */
function newestOf(changes: readonly BlockData[]): BlockData[] {
  return [...new Map(changes.map((change) => [change.block, change])).values()];
}

function imagesAtEnd({ changes, end }: OpenTransaction): [number, Uint8Array][] {
  return [...changes.values()].map(({ block, before, data }) => [
    block,
    end?.kind === 'commit' ? data : before,
  ]);
}
