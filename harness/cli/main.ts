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

/** The first signal asks the run to clean up and stop; a second one does not wait for that. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(exitCode);
      controller.abort(signal);
    });
  }
  return controller.signal;
}

/** Whoever reads the output may stop before its end (`powercut list | head`); the run goes on. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
