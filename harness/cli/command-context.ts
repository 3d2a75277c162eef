import * as path from 'node:path';
import type { Logger } from 'pino';
import type { CliServices, RequestContext } from './services.ts';

/** What the process gives to the command line; tests give something else. */
export interface CliEnvironment {
  /** The working directory: relative paths start from it. */
  readonly directory: string;
  /** Of standard output. */
  readonly isTerminal: boolean;
  readonly columns: number;
  /** Aborted by SIGINT or SIGTERM, with the name of the signal as its reason. */
  readonly interrupted: AbortSignal;
  readonly services: CliServices;
  writeOut(text: string): void;
  writeError(text: string): void;
}

/** What a command works with, once the command line has been read. */
export interface CommandContext {
  readonly environment: CliEnvironment;
  /** The command line as it would be typed again. */
  readonly command: string;
  readonly toolVersion: string;
  readonly json: boolean;
  readonly log: Logger;
}

/** Prints the answer of a command: as JSON where that was asked for, else as text. */
export function printAnswer(context: CommandContext, answer: unknown, text: string): void {
  const { environment, json } = context;
  environment.writeOut(json ? `${JSON.stringify(answer, undefined, 2)}\n` : text);
}

export function requestContext(context: CommandContext): RequestContext {
  const { environment, command, toolVersion, json, log } = context;
  return {
    log,
    command,
    toolVersion,
    interrupted: environment.interrupted,
    terminal: {
      isTerminal: environment.isTerminal && !json,
      columns: environment.columns,
      print: (text) => {
        if (json) environment.writeError(text);
        else environment.writeOut(text);
      },
    },
  };
}

export function resolvePath(context: CommandContext, name: string): string {
  return path.resolve(context.environment.directory, name);
}
