import type { Clock, Nanoseconds } from '../contract/index.ts';

interface TimedEvent {
  readonly atNs: Nanoseconds;
  readonly order: number;
  callback: (() => void) | undefined;
}

/**
 * Immediates queued at a time. Node empties the microtask queue after each of them, so each can carry
 * one event; a turn of its event loop costs ten times as much as an immediate.
 */
const immediatesPerTurn = 8;

/**
 * Virtual time, shared by the drives and the engine of a simulated run. Events run one at a time, in
 * order of time and then of insertion, and every promise callback that an event sets off runs to its
 * end before the next event: an engine that acts a tick too early has no event to hide behind.
 *
 * Time passes only through events. Code on the timeline must not wait for real I/O, timers or
 * immediates: to the timeline that looks idle.
 */
export class Timeline implements Clock {
  #nowNs: Nanoseconds = 0;
  #inserted = 0;
  #waiting = 0;
  #immediates = 0;
  #halted = false;
  readonly #heap: TimedEvent[] = [];
  #idleWaiters: (() => void)[] = [];

  now(): Nanoseconds {
    return this.#nowNs;
  }

  /** Time is in whole nanoseconds. After `halt` nothing is scheduled any more, and the callback never runs. */
  after(delayNs: Nanoseconds, callback: () => void): () => void {
    if (this.#halted) return () => undefined;
    const event = {
      atNs: this.#nowNs + Math.max(0, Math.ceil(delayNs)),
      order: this.#inserted++,
      callback,
    };
    this.#waiting += 1;
    this.#push(event);
    this.#pump();
    return () => {
      this.#cancel(event);
    };
  }

  /** Cuts the power: every event is dropped for good, and promises that wait for one never settle. */
  halt(): void {
    this.#halted = true;
    this.#heap.length = 0;
    this.#waiting = 0;
    this.#pump();
  }

  get isHalted(): boolean {
    return this.#halted;
  }

  /** Resolves once no event is left and the promise callbacks of the last one have run. */
  async whenIdle(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#idleWaiters.push(resolve);
      this.#pump();
    });
  }

  #cancel(event: TimedEvent): void {
    if (event.callback === undefined) return;
    event.callback = undefined;
    if (!this.#halted) this.#waiting -= 1;
  }

  #pump(): void {
    if (this.#immediates > 0) return;
    this.#immediates = immediatesPerTurn;
    for (let index = 0; index < immediatesPerTurn; index++) setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#immediates -= 1;
    try {
      if (this.#waiting > 0) this.#runNext();
      else this.#releaseIdleWaiters();
    } finally {
      if (this.#waiting > 0 || this.#idleWaiters.length > 0) this.#pump();
    }
  };

  #runNext(): void {
    let event = this.#pop();
    while (event.callback === undefined) event = this.#pop();
    const { callback } = event;
    event.callback = undefined;
    this.#waiting -= 1;
    this.#nowNs = event.atNs;
    callback();
  }

  #releaseIdleWaiters(): void {
    const waiters = this.#idleWaiters;
    if (waiters.length === 0) return;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  #push(event: TimedEvent): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): TimedEvent {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(event: TimedEvent): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, event)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = event;
  }
}

function isBefore(a: TimedEvent, b: TimedEvent): boolean {
  return a.atNs < b.atNs || (a.atNs === b.atNs && a.order < b.order);
}
