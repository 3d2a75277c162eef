interface Waiter {
  isDone(): boolean;
  resolve(): void;
  reject(error: Error): void;
}

/** Whoever waits until something is so. It is looked at again whenever something may have changed. */
export class Waiters {
  readonly #waiting: Waiter[] = [];

  when(isDone: () => boolean): Promise<void> {
    if (isDone()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ isDone, resolve, reject });
    });
  }

  wake(): void {
    for (const waiter of this.#waiting.splice(0)) {
      if (waiter.isDone()) waiter.resolve();
      else this.#waiting.push(waiter);
    }
  }

  /** It never will be. */
  stop(error: Error): void {
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
  }
}
