#!/usr/bin/env node
import type { CliEnvironment } from './command-context.ts';
import { performCommandLine } from './command-line.ts';
import { reportFailure } from './report-failure.ts';
import { services } from './services.ts';

const words = process.argv.slice(2);
const environment: CliEnvironment = {
  directory: process.cwd(),
  isTerminal: process.stdout.isTTY,
  columns: process.stdout.isTTY ? process.stdout.columns : 80,
  interrupted: abortOnSignals(),
  services,
  writeOut: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
};

process.stdout.on('error', ignoreClosedPipe);

try {
  process.exitCode = await performCommandLine(words, environment);
} catch (error) {
  process.exitCode = reportFailure(error, words, environment);
}

/**
 * The first signal asks the run to clean up and stop; a second one does not wait for that. What comes
 * within a second of the first is the same wish: npm hands on a Ctrl-C that the terminal has sent to
 * everybody, and timeout(1) signals its child and then the whole group.
 */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  let firstMs = Infinity;
  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(signal, () => {
      if (performance.now() - firstMs > 1000) process.exit(exitCode);
      firstMs = Math.min(firstMs, performance.now());
      controller.abort(signal);
    });
  }
  return controller.signal;
}

/** Whoever reads the output may stop before its end (`powercut list | head`); the run goes on. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
