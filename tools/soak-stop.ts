/** The exit codes that a shell gives to who was ended by a signal. */
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Aborted by the first SIGINT or SIGTERM, with its name as the reason, so that what runs can clean up. A
 * second one does not wait for that, unless it comes so soon that it is the same wish, handed on by npm.
 */
export function stopOnSignals(): AbortSignal {
  const controller = new AbortController();
  let firstMs = Infinity;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (performance.now() - firstMs > 1000) process.exit(exitCodes[signal]);
      firstMs = Math.min(firstMs, performance.now());
      controller.abort(signal);
    });
  }
  return controller.signal;
}

/** Of a soak that was stopped; `otherwise` where it was not. */
export function exitCodeOf({ aborted, reason }: AbortSignal, otherwise: number): number {
  return aborted ? exitCodes[reason as keyof typeof exitCodes] : otherwise;
}
