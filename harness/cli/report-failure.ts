import { HarnessError } from '../contract/index.ts';
import type { CliEnvironment } from './command-context.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import { CommanderError } from './typed-commander.ts';

/**
 * Says why a command line came to nothing and answers the exit code: one clear line for what the
 * user or the machine can mend, the stack for what is our own fault.
 */
export function reportFailure(
  error: unknown,
  words: readonly string[],
  environment: CliEnvironment,
): number {
  // It stands for an asked-for help as well, which is no failure.
  if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.pass;
  const exitCode = interruptedExitCode(environment.interrupted) ?? exitCodeOf(error);
  environment.writeError(failureText(error));
  if (words.includes('--json')) {
    const { code, message } = describeFailure(error);
    const answer = { error: { code, message }, exitCode };
    environment.writeOut(`${JSON.stringify(answer, undefined, 2)}\n`);
  }
  return exitCode;
}

function interruptedExitCode({ aborted, reason }: AbortSignal): number | undefined {
  if (!aborted) return undefined;
  return reason === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted;
}

function failureText(error: unknown): string {
  // Commander has printed the line by itself, with what was meant.
  if (error instanceof CommanderError) return '';
  if (!(error instanceof HarnessError)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `powercut: unexpected error, which is a bug of Powercut\n${stack}\n`;
  }
  // Problems of a file begin with file:line:column, which editors and terminals jump to.
  return error.code === 'CONFIG_INVALID' ? `${error.message}\n` : `powercut: ${error.message}\n`;
}

function describeFailure(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof HarnessError) return { code: error.code, message: error.message };
  if (error instanceof CommanderError) return { code: 'USAGE', message: error.message };
  return { code: 'UNEXPECTED', message: error instanceof Error ? error.message : String(error) };
}
