import type { CliEnvironment } from './command-context.ts';
import { performCommandLine } from './command-line.ts';
import { reportFailure } from './report-failure.ts';
import { services } from './services.ts';

export interface CommandRun {
  readonly exitCode: number;
  readonly out: string;
  readonly error: string;
}

/** A command as a shell would run it in a directory, with nothing put in its way. */
export async function runCommand(
  directory: string,
  words: readonly string[],
  interrupted = new AbortController().signal,
): Promise<CommandRun> {
  let out = '';
  let error = '';
  const environment: CliEnvironment = {
    directory,
    isTerminal: false,
    columns: 80,
    interrupted,
    services,
    writeOut: (text) => {
      out += text;
    },
    writeError: (text) => {
      error += text;
    },
  };
  try {
    return { exitCode: await performCommandLine(words, environment), out, error };
  } catch (failure) {
    return { exitCode: reportFailure(failure, words, environment), out, error };
  }
}
