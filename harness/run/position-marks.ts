import type { LedgerPosition } from '../contract/index.ts';

/** What takes the marks; resolves when one has its place in the log. */
export interface MarkedLog {
  mark(text: string): Promise<void>;
}

/**
 * Keeps the log up with the ledger. While a mark is on its way to the log, those that follow are made
 * into one: a later one stands for all before it.
 */
export class PositionMarks {
  readonly #log: MarkedLog;
  #reached: LedgerPosition = 0;
  #placed: LedgerPosition = 0;
  #placing: Promise<void> | undefined;
  #isEnded = false;

  constructor(log: MarkedLog) {
    this.#log = log;
  }

  reach(position: LedgerPosition): void {
    if (this.#isEnded) return;
    this.#reached = position;
    // Whoever waits learns of a failure.
    this.#place().catch(() => undefined);
  }

  /** Resolves when everything that has been reached by now is in the log. */
  async placed(): Promise<void> {
    const wanted = this.#reached;
    while (this.#placed < wanted) await this.#place();
  }

  /** Nothing that is reached from now on is wanted in the log. */
  end(): Promise<void> {
    this.#isEnded = true;
    return this.placed();
  }

  #place(): Promise<void> {
    this.#placing ??= this.#placeReached();
    return this.#placing;
  }

  async #placeReached(): Promise<void> {
    const position = this.#reached;
    try {
      await this.#log.mark(`pos-${position}`);
      this.#placed = position;
    } finally {
      this.#placing = undefined;
    }
    if (this.#placed < this.#reached) this.#place().catch(() => undefined);
  }
}
