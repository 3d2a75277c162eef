/**
 * Brings completions from the ring to the event loop without ever blocking it. While requests are in
 * flight it looks at the ring once per turn of the event loop; when nothing has completed for a while
 * it sleeps until the bell rings. A wake-up through the bell crosses two threads, so a device that
 * answers within the spin time is served sooner (figures: the defaults of the io_uring device).
 */
import { setImmediate } from 'node:timers';
import type { CompletionBell } from '../sys/completion-bell.ts';
import type { CompletionVisitor, IoUring } from '../sys/io-uring.ts';

export interface CompletionPumpOptions {
  readonly ring: IoUring;
  readonly bell: CompletionBell;
  /** How long to look at the ring after the last completion or submission before sleeping. */
  readonly spinMs: number;
  readonly visit: CompletionVisitor;
  /** Called after the completions of a turn have been visited. */
  onTurn(): void;
  /** False once nothing is in flight and nothing waits to be submitted. */
  hasWork(): boolean;
}

export class CompletionPump {
  readonly #options: CompletionPumpOptions;
  #isTurning = false;
  #sleepAtMs = 0;

  constructor(options: CompletionPumpOptions) {
    this.#options = options;
  }

  /** Requests have been given to the kernel. */
  kick(): void {
    this.#sleepAtMs = performance.now() + this.#options.spinMs;
    this.#keepTurning();
  }

  #keepTurning(): void {
    if (this.#isTurning) return;
    this.#isTurning = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    const options = this.#options;
    const { ring, visit, spinMs, bell } = options;
    this.#isTurning = false;
    if (!options.hasWork()) return;
    const reaped = ring.reap(visit);
    options.onTurn();
    if (!options.hasWork()) return;
    const nowMs = performance.now();
    if (reaped > 0) this.#sleepAtMs = nowMs + spinMs;
    // What the kernel has not taken yet rings no bell.
    if (nowMs < this.#sleepAtMs || ring.unsubmitted > 0) this.#keepTurning();
    else bell.sleep(this.#turn);
  };
}
