/**
 * Aborts when `outer` does, or once `limitMs` have passed. It is not
 * `AbortSignal.any([outer, AbortSignal.timeout(limitMs)])`: such a signal holds its timeout by a weak
 * reference, and a collected timeout never fires (https://github.com/nodejs/node/issues/57736), so an
 * engine that hangs would hang the run.
 */
export class TimeLimit implements Disposable {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #timer: NodeJS.Timeout;

  constructor(outer: AbortSignal, limitMs: number) {
    this.#outer = outer;
    this.#timer = setTimeout(this.#abort, limitMs);
    if (outer.aborted) this.#abort();
    else outer.addEventListener('abort', this.#abort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  readonly #abort = (): void => {
    this.#controller.abort();
    this[Symbol.dispose]();
  };

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener('abort', this.#abort);
  }
}
