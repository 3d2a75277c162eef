import type { Operation } from '../commit/operation.ts';
import type { SpaceNeed } from '../commit/space-need.ts';
import type { Consumers } from '../consumers/consumers.ts';
import type { OpenTransactions } from '../volume/volume-mode.ts';
import type { LiveBatches } from './live-batches.ts';

export interface RoomSite {
  readonly live: LiveBatches;
  readonly need: SpaceNeed;
  readonly consumers: Consumers;
  readonly openTransactions: OpenTransactions | undefined;
  readonly ringPages: number;
}

/**
 * Who may take the ring's last pages. What ends a transaction, and what a consumer does with its records,
 * must find room in a ring that is full for all others: only they can make any.
 */
export class RingRoom {
  readonly #site: RoomSite;

  constructor(site: RoomSite) {
    this.#site = site;
  }

  /** Pages that must stay free when it has been sent; without an operation, whatever is sent. */
  reservedPages(operation: Operation | undefined): number {
    if (operation?.isEnding === true) return 0;
    const { openTransactions, consumers } = this.#site;
    const forEnds = openTransactions?.reservedPages ?? 0;
    return forEnds + (consumers.count === 0 ? 0 : this.#pagesForConsumers(operation));
  }

  /** What keeps the oldest pages from being given up, in words. */
  get holder(): string {
    if (this.#site.live.holder === 'transaction') return 'records of open transactions';
    const { slowest } = this.#site.consumers;
    return slowest === undefined
      ? 'appended records that have not been released'
      : `appended records that consumer "${slowest}" has not committed`;
  }

  /** An open transaction that keeps the tail where it is must give way; false where none does. */
  makeRoom(): boolean {
    const { live, openTransactions } = this.#site;
    return live.holder === 'transaction' && openTransactions?.rollBackOldest() === true;
  }

  /** The last eighth of the ring is for a consumer that makes at least as much room as it takes. */
  #pagesForConsumers(operation: Operation | undefined): number {
    const { live, need, consumers, ringPages } = this.#site;
    const eighth = Math.floor(ringPages / 8);
    if (operation?.mark === undefined) return 2 * eighth;
    const freedPages = live.pagesFreedBy(consumers.releasedLsnAfter(operation.mark));
    const gainedPages = freedPages - live.pagesFreedBy(live.releasedLsn);
    return gainedPages >= need.of(operation).ringPages ? 0 : eighth;
  }
}
