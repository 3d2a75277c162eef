import { EngineRefusal } from '../../../../harness/contract/index.ts';
import { blocksOf, type BlockData, type Operation } from '../../commit/operation.ts';
import { blockBytes } from '../../format/layout.ts';
import type { Transaction } from '../volume-mode.ts';
import type { CallersSite } from './callers-transactions.ts';
import { OpenTransaction, changesOf, tooLarge, type BlockChange } from './open-transaction.ts';

/**
 * A transaction in the hands of a caller. Its calls take effect one after the other. It is `broken` when
 * one of its changes was refused: what is left of it must not be committed.
 */
export class CallersTransaction implements Transaction {
  readonly #site: CallersSite;
  readonly #onEnded: () => void;
  readonly #transaction = new OpenTransaction({ isWhole: false });
  #state: 'open' | 'broken' | 'ending' | 'ended' = 'open';
  #whyEnded = 'it has been committed or rolled back';
  #turn: Promise<unknown> = Promise.resolve();
  /** The change that waits for its place in the log. */
  #queued: Operation | undefined;
  #queuedChanges = 0;
  /** Images of blocks in its records. */
  #imageCount = 0;

  constructor(site: CallersSite, onEnded: () => void) {
    this.#site = site;
    this.#onEnded = onEnded;
  }

  /** Bytes of the records that it takes to end it; 0 where the log need not know of it. */
  get endBytes(): number {
    const changes = this.#transaction.changes.size + this.#queuedChanges;
    return changes === 0 ? 0 : this.#transaction.endBytes(changes);
  }

  isOf(transaction: OpenTransaction | undefined): boolean {
    return this.#transaction === transaction;
  }

  async write(block: number, bytes: Uint8Array): Promise<void> {
    this.#checkBlocks(block, bytes.length);
    this.#checkOpen();
    const versions = blocksOf(block, bytes.slice());
    await this.#inTurn(() => this.#write(versions));
  }

  async read(block: number, target: Uint8Array): Promise<void> {
    this.#checkBlocks(block, target.length);
    this.#checkOpen();
    await this.#site.readCommitted(block, target);
    for (let index = 0; index < target.length / blockBytes; index++) {
      const change = this.#transaction.changes.get(block + index);
      if (change !== undefined) target.set(change.data, index * blockBytes);
    }
  }

  commit(): Promise<number> {
    return this.#inTurn(async () => {
      this.#checkOpen();
      if (this.#transaction.recordCount === 0) {
        this.#noteEnded();
        return 0;
      }
      return this.#end('commit');
    });
  }

  abort(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state === 'ending' || this.#state === 'ended') return;
      if (this.#transaction.recordCount === 0) this.#noteEnded();
      else await this.#end('rollback');
    });
  }

  /** Rolls it back although its caller has not asked for it; false where it is ending anyway. */
  makeRoom(): boolean {
    if (this.#state === 'ending' || this.#state === 'ended') return false;
    this.#whyEnded = 'it was the oldest open when the ring needed its pages, and was rolled back';
    if (this.#queued !== undefined && !this.#withdraw(this.#queued)) return true;
    // Where that is refused it stays open, and the next that needs room asks again.
    this.#turn = Promise.allSettled([this.#turn, this.#end('rollback')]);
    return true;
  }

  #withdraw(operation: Operation): boolean {
    return this.#site.log.withdraw(operation, this.#refusal());
  }

  async #write(versions: readonly BlockData[]): Promise<void> {
    this.#checkOpen();
    const { changes } = this.#transaction;
    const fresh = versions.filter(({ block }) => !changes.has(block));
    const again = versions.filter(({ block }) => changes.has(block));
    this.#checkSize(fresh.length, again.length);
    const blocks = fresh.map(({ block }) => block);
    try {
      await this.#site.locks.take(this.#transaction, blocks);
      const before = await this.#site.beforeOf(blocks);
      this.#checkOpen();
      await this.#log(changesOf(fresh, before), again);
    } catch (error) {
      if (this.#state === 'open') this.#state = 'broken';
      this.#site.locks.giveBack(this.#transaction, blocks);
      throw error;
    } finally {
      this.#queued = undefined;
      this.#queuedChanges = 0;
    }
  }

  /** Resolves when all records of the change have their LSNs. */
  #log(fresh: readonly BlockChange[], again: readonly BlockData[]): Promise<void> {
    const transaction = this.#transaction;
    this.#queuedChanges = fresh.length;
    return new Promise((resolve, reject) => {
      const parts = this.#site.partsOf(transaction, () => {
        this.#queued = undefined;
        this.#note(fresh, again);
        resolve();
      });
      const submitted = this.#site.log.submit((settled) => {
        this.#queued = transaction.changing(fresh, again, settled, parts);
        return this.#queued;
      });
      submitted.catch(reject);
    });
  }

  #note(fresh: readonly BlockChange[], again: readonly BlockData[]): void {
    const { changes } = this.#transaction;
    this.#queuedChanges = 0;
    this.#imageCount += 2 * fresh.length + again.length;
    for (const change of fresh) changes.set(change.block, change);
    for (const { block, data } of again) {
      const change = changes.get(block)!;
      change.data = data;
      if (change.stolen === 'yes') change.stolen = 'perhaps';
    }
  }

  async #end(kind: 'commit' | 'rollback'): Promise<number> {
    const transaction = this.#transaction;
    const before = this.#state;
    this.#state = 'ending';
    transaction.isBrief = true;
    const onSealed = (): void => {
      this.#noteEnded();
    };
    try {
      return await this.#site.log.submit((settled) =>
        kind === 'commit'
          ? transaction.committing(settled, onSealed)
          : transaction.rollingBack(settled, onSealed),
      );
    } catch (error) {
      if (error instanceof EngineRefusal) this.#takeBackEnd(before);
      throw error;
    }
  }

  /** The log refused its last record, so it goes on. */
  #takeBackEnd(state: 'open' | 'broken' | 'ending' | 'ended'): void {
    this.#state = state;
    this.#transaction.isBrief = false;
    this.#transaction.end = undefined;
  }

  #noteEnded(): void {
    this.#state = 'ended';
    if (this.#transaction.end !== undefined) this.#site.noteEnded(this.#transaction);
    this.#onEnded();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #checkOpen(): void {
    if (this.#state !== 'open') throw this.#refusal();
  }

  #refusal(): EngineRefusal {
    return this.#state === 'broken'
      ? new EngineRefusal('closed', 'a change of the transaction was refused: roll it back')
      : new EngineRefusal('closed', `the transaction is not open: ${this.#whyEnded}`);
  }

  #checkSize(freshCount: number, againCount: number): void {
    const { changesMax } = this.#site;
    const imageCount = this.#imageCount + 2 * freshCount + againCount;
    if (imageCount <= 2 * changesMax) return;
    this.#state = 'broken';
    throw tooLarge(Math.ceil(imageCount / 2), changesMax);
  }

  #checkBlocks(block: number, byteCount: number): void {
    const count = byteCount / blockBytes;
    const isInside =
      Number.isInteger(block) &&
      Number.isInteger(count) &&
      block >= 0 &&
      count >= 1 &&
      block + count <= this.#site.blockCount;
    if (isInside) return;
    throw new RangeError(
      `${byteCount} bytes at block ${block}: expected whole blocks of ${blockBytes} bytes below block ${this.#site.blockCount}`,
    );
  }
}
