import { PendingBlocks, type PendingVersion } from '../logged/pending-blocks.ts';
import { writeBlocks } from '../logged/write-blocks.ts';
import type { VolumeLog, VolumeSite } from '../volume-mode.ts';
import type { BlockChange, OpenTransaction } from './open-transaction.ts';

/**
 * How the data area stands to what is committed. A place may be behind (the version is pending), or
 * ahead: it holds what an open transaction has made of the block (stolen). Then the committed version is
 * kept as pending, for readers, and for the place if the transaction is rolled back.
 */
export class InPlaceState {
  /** An LSN here is that of the first record of the version's transaction: see `checkpoint`. */
  readonly pending = new PendingBlocks();
  /** Transactions with a record in the log whose end is not acknowledged, oldest first. */
  readonly begun = new Set<OpenTransaction>();
  readonly #site: VolumeSite;
  readonly #log: VolumeLog;
  readonly #stolen = new Map<number, BlockChange>();

  constructor(site: VolumeSite, log: VolumeLog) {
    this.#site = site;
    this.#log = log;
  }

  get heldFromLsn(): number {
    for (const { firstLsn } of this.begun) return firstLsn;
    return Infinity;
  }

  /** The end of the transaction is durable. */
  settle(transaction: OpenTransaction, kind: 'commit' | 'rollback'): void {
    this.begun.delete(transaction);
    for (const change of transaction.changes.values()) {
      if (kind === 'commit') this.#commit(transaction.firstLsn, change);
      // Rolled back, the version that was kept while the place was ahead is what belongs there.
      if (this.#stolen.get(change.block) === change) this.#stolen.delete(change.block);
    }
  }

  /**
   * The log is about to lose what is before `endLsn`. A version of which it would lose any record, be
   * it the first of a long transaction, goes to its place, so that what is left of the transaction's
   * records is not needed. No open transaction begins before `endLsn`: LiveBatches sees to that. But
   * what one has changed may be written too, once the log has durably what was there before; then
   * the commit has nothing to write any more.
   */
  async checkpoint(endLsn: number): Promise<void> {
    const stolen = this.#site.config.steal ? this.#takeStealable() : new Map<number, Stolen>();
    const versions = new Map(
      [...this.pending.writtenBefore(endLsn)].filter(([block]) => !this.#stolen.has(block)),
    );
    const dataOf = (block: number): Uint8Array =>
      stolen.get(block)?.data ?? versions.get(block)!.data;
    await writeBlocks(this.#site, [...versions.keys(), ...stolen.keys()], dataOf, endLsn);
    await this.#site.data.flushPlainWrites();
    this.pending.drop(versions);
    for (const { change, data } of stolen.values()) {
      if (this.#stolen.get(change.block) === change && change.data === data) change.stolen = 'yes';
    }
  }

  #commit(firstLsn: number, { block, data, stolen }: BlockChange): void {
    const version = this.pending.get(block);
    if (stolen !== 'yes') this.pending.set(block, { lsn: firstLsn, data });
    else if (version !== undefined) this.pending.drop(new Map([[block, version]]));
  }

  /** Write-ahead rule of undo: only where the Undo record is durable. */
  #takeStealable(): ReadonlyMap<number, Stolen> {
    const acknowledgedLsn = this.#log.acknowledgedLsn();
    const taken = new Map<number, Stolen>();
    for (const { changes, end } of this.begun) {
      if (end?.kind === 'rollback') continue;
      for (const change of changes.values()) {
        const isUndoable = change.undoLsn > 0 && change.undoLsn <= acknowledgedLsn;
        if (!isUndoable || change.stolen === 'yes') continue;
        this.#keepCommitted(change);
        taken.set(change.block, { change, data: change.data });
      }
    }
    return taken;
  }

  #keepCommitted(change: BlockChange): void {
    const kept: PendingVersion = this.pending.get(change.block) ?? { lsn: 0, data: change.before };
    this.pending.set(change.block, kept);
    this.#stolen.set(change.block, change);
    change.stolen = 'perhaps';
  }
}

interface Stolen {
  readonly change: BlockChange;
  readonly data: Uint8Array;
}
