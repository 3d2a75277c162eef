import { EngineRefusal } from '../../../../harness/contract/index.ts';
import type { OpenTransactions, Transaction, VolumeLog } from '../volume-mode.ts';
import type { BlockLocks } from './block-locks.ts';
import { CallersTransaction } from './callers-transaction.ts';
import type { InPlaceState } from './in-place-state.ts';
import type { ChangeParts, OpenTransaction } from './open-transaction.ts';

export interface CallersSite {
  readonly log: VolumeLog;
  readonly state: InPlaceState;
  readonly locks: BlockLocks;
  readonly blockCount: number;
  /** Most blocks that one transaction may change. */
  readonly changesMax: number;
  /** Most transactions that may be open at once. */
  readonly openMax: number;
  beforeOf(blocks: readonly number[]): Promise<readonly Uint8Array[]>;
  readCommitted(block: number, target: Uint8Array): Promise<void>;
  partsOf(transaction: OpenTransaction, onSealed: () => void): ChangeParts;
  /** Its last record has its LSN. */
  noteEnded(transaction: OpenTransaction): void;
}

/** The transactions that callers have begun: how many there may be, and which has to make room. */
export class CallersTransactions implements OpenTransactions {
  readonly #site: CallersSite;
  readonly #open = new Set<CallersTransaction>();
  #isClosing = false;
  #triedAtLsn = -1;

  constructor(site: CallersSite) {
    this.#site = site;
  }

  get heldFromLsn(): number {
    return this.#site.state.heldFromLsn;
  }

  get reservedPages(): number {
    let pages = 0;
    for (const { endBytes } of this.#open) {
      if (endBytes > 0) pages += this.#site.log.pagesFor(endBytes);
    }
    return pages;
  }

  begin(): Transaction {
    const { openMax } = this.#site;
    if (this.#isClosing) throw new EngineRefusal('closed', 'the journal is being closed');
    if (this.#open.size >= openMax) {
      throw new EngineRefusal(
        'full',
        `${this.#open.size} transactions are open, expected at most ${openMax} in a ring of this size`,
      );
    }
    const transaction = new CallersTransaction(this.#site, () => {
      this.#open.delete(transaction);
    });
    this.#open.add(transaction);
    return transaction;
  }

  /** Once only for each record that has become durable: what was refused then is refused again. */
  rollBackOldest(): boolean {
    const acknowledgedLsn = this.#site.log.acknowledgedLsn();
    if (acknowledgedLsn === this.#triedAtLsn) return false;
    this.#triedAtLsn = acknowledgedLsn;
    const [oldest] = this.#site.state.begun;
    for (const transaction of this.#open) {
      if (transaction.isOf(oldest)) return transaction.makeRoom();
    }
    return false;
  }

  async rollBackAll(): Promise<void> {
    this.#isClosing = true;
    await Promise.all([...this.#open].map((transaction) => transaction.abort()));
  }
}
