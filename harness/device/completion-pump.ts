/**
 * Brings completions from the ring to the event loop. While requests are in flight it looks at the
 * ring once per turn of the event loop; where nothing has completed it waits in the kernel until
 * something has, or the event loop has other work. When nothing has completed for long, it leaves
 * the event loop alone until the bell rings (figures: the defaults of the io_uring device).
 */
import { setImmediate } from 'node:timers';
import type { CompletionBell } from '../sys/completion-bell.ts';
import type { CompletionVisitor, IoUring } from '../sys/io-uring.ts';
import type { ReadyWait } from '../sys/ready-wait.ts';

export interface CompletionPumpOptions {
  readonly ring: IoUring;
  readonly bell: CompletionBell;
  readonly wait: ReadyWait;
  /** How long after the last completion or submission to wait before sleeping. */
  readonly patienceMs: number;
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
    this.#sleepAtMs = performance.now() + this.#options.patienceMs;
    this.#keepTurning();
  }

  #keepTurning(): void {
    if (this.#isTurning) return;
    this.#isTurning = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    const options = this.#options;
    const { ring, patienceMs, bell } = options;
    this.#isTurning = false;
    if (!options.hasWork()) return;
    const reaped = this.#reap();
    options.onTurn();
    if (!options.hasWork()) return;
    const nowMs = performance.now();
    if (reaped > 0) this.#sleepAtMs = nowMs + patienceMs;
    // What the kernel has not taken yet rings no bell.
    if (nowMs < this.#sleepAtMs || ring.unsubmitted > 0) this.#keepTurning();
    else bell.sleep(this.#turn);
  };

  #reap(): number {
    const { ring, visit, wait } = this.#options;
    const reaped = ring.reap(visit);
    if (reaped > 0 || performance.now() >= this.#sleepAtMs) return reaped;
    wait.block();
    return ring.reap(visit);
  }
}
