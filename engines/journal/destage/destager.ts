import type { JournalConfig } from '../config.ts';
import type { Layout } from '../format/layout.ts';
import type { LogPosition } from '../format/log-position.ts';
import type { Superblock } from '../format/superblock.ts';
import type { SuperblockStore } from '../io/superblock-store.ts';
import type { VolumeMode } from '../volume/volume-mode.ts';
import type { LiveBatches } from './live-batches.ts';

export interface DestageSite {
  readonly layout: Layout;
  readonly config: JournalConfig;
  readonly superblock: SuperblockStore;
  readonly live: LiveBatches;
  readonly volume: VolumeMode;
  /** Where the next batch goes, and how far the log is durable. */
  head(): LogPosition;
  durable(): LogPosition;
  /** What the superblock says of appended records. */
  releases(): Pick<Superblock, 'releasedLsn' | 'consumers'>;
  /** The log is about to lose marks of consumers: where the table has changed, it becomes durable. */
  keepConsumers(): Promise<void>;
  /** Pages were given up: whoever waits for space looks again. */
  onSpace(): void;
  onFailure(error: unknown): void;
}

/**
 * Moves acknowledged blocks from the ring to their places and then gives up their pages, oldest
 * first. A page may be written over only when its block is durable in the data area and a superblock
 * that begins the log behind it is durable too (JOURNAL-ENGINE §4.8, I7, I8).
 */
export class Destager {
  readonly #site: DestageSite;
  #isSweeping = false;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;
  /** Pages that somebody waits for. */
  #wantedPages = 0;

  constructor(site: DestageSite) {
    this.#site = site;
  }

  get freePages(): number {
    return this.#site.layout.ringPages - this.#usedPages;
  }

  /** Called whenever more of the log is durable. */
  noteProgress(): void {
    if (this.#isDue) this.#start();
  }

  /** Asks for that many free pages; false where nothing that is durable by now can be given up. */
  demand(pages: number): boolean {
    this.#wantedPages = pages;
    this.#start();
    return this.#isSweeping;
  }

  /** Gives up all it can. */
  async sweepAll(): Promise<void> {
    while (this.#isSweeping) await this.#running;
    const head = this.#site.head();
    const tail = this.#site.live.cutFor(Infinity, head) ?? this.#site.superblock.durable.tail;
    await this.#destage(head.nextLsn, tail);
  }

  stop(): void {
    this.#isStopped = true;
  }

  get #usedPages(): number {
    return this.#site.head().pageSeq - this.#site.superblock.durable.tail.pageSeq;
  }

  #start(): void {
    if (this.#isSweeping || this.#isStopped || this.#nextCut() === undefined) return;
    this.#isSweeping = true;
    this.#running = this.#sweepUntilDone().then(
      () => {
        this.#isSweeping = false;
        this.#site.onSpace();
      },
      (error: unknown) => {
        this.#isSweeping = false;
        this.#site.onFailure(error);
      },
    );
  }

  /**
   * Once, as a rule: what is appended in the meantime is for the next sweep, or there would be a flush
   * and a superblock for every few pages.
   */
  async #sweepUntilDone(): Promise<void> {
    do {
      const cut = this.#isStopped ? undefined : this.#nextCut();
      if (cut === undefined) break;
      await this.#destage(cut.nextLsn, cut);
      this.#site.onSpace();
    } while (this.#isDue || this.freePages < this.#wantedPages);
    this.#wantedPages = 0;
  }

  get #isDue(): boolean {
    const { config, layout } = this.#site;
    return this.#usedPages >= config.destageStart * layout.ringPages;
  }

  /** Undefined when enough is free, or nothing can be freed. */
  #nextCut(): LogPosition | undefined {
    const { layout, config, live } = this.#site;
    const head = this.#site.head();
    const keptPages = Math.min(
      Math.floor(config.destageStop * layout.ringPages),
      layout.ringPages - this.#wantedPages,
    );
    if (this.#usedPages <= keptPages) return undefined;
    return live.cutFor(head.pageSeq - keptPages, head);
  }

  /** What the log before that LSN says of the volume becomes durable in place; then the tail moves. */
  async #destage(endLsn: number, tail: LogPosition): Promise<void> {
    const { superblock, live, volume } = this.#site;
    await volume.checkpoint(endLsn);
    const durable = this.#site.durable();
    await this.#site.keepConsumers();
    await superblock.update({
      tail,
      durableLsn: durable.nextLsn - 1,
      durablePageSeq: durable.pageSeq,
      freePageLsn: volume.freePageLsn ?? 0,
      ...this.#site.releases(),
    });
    live.dropBefore(tail.pageSeq);
  }
}
