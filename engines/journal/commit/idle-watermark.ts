import type { Clock, Nanoseconds } from '../../../harness/contract/index.ts';

/** How long after the last acknowledgement an idle log says that it is durable. */
export const idleWatermarkNs: Nanoseconds = 1_000_000;

/**
 * Closes the gap that the watermark in the page headers leaves: the last acknowledged batches are
 * named durable by no later page, until there is one. When nothing follows, this sends a page for it.
 */
export class IdleWatermark {
  readonly #clock: Clock;
  readonly #send: () => void;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, send: () => void) {
    this.#clock = clock;
    this.#send = send;
  }

  arm(): void {
    this.disarm();
    this.#cancel = this.#clock.after(idleWatermarkNs, () => {
      this.#cancel = undefined;
      this.#send();
    });
  }

  disarm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
