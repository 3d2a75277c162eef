import type { CliEnvironment, CommandContext } from './command-context.ts';
import { logLevels, type LogLevel } from './logger.ts';
import { toolVersion } from './tool-version.ts';
import { Command, Option, type TypedCommand } from './typed-commander.ts';

/** `powercut` itself, with the options that every command has. */
export type RootCommand = TypedCommand<[], { json?: true; logLevel: LogLevel }>;

/** The part of a command line that every command reads the same way. */
export interface Program {
  readonly command: RootCommand;
  /** Runs a command's action in its context and keeps the exit code that it answers. */
  perform(action: (context: CommandContext) => Promise<number>): Promise<void>;
}

/** The command `powercut` itself: what it says of itself, and the options of every command. */
export function createRootCommand(environment: CliEnvironment): RootCommand {
  return new Command('powercut')
    .description('Was an acknowledged write ever lost, and what did keeping it cost?')
    .version(toolVersion())
    .option('--json', 'print the answer as JSON on standard output, and nothing else there')
    .addOption(
      new Option('--log-level <level>', 'least level of the log lines on standard error')
        .choices(logLevels)
        .default('warn' as const),
    )
    .addHelpText(
      'after',
      examples(['powercut run smoke', 'powercut doctor', 'powercut list faults']),
    )
    .addHelpText('after', exitCodeHelp)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        environment.writeOut(text);
      },
      writeErr: (text) => {
        environment.writeError(text);
      },
    });
}

/** The examples at the end of a command's help. */
export function examples(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}\n`).join('')}`;
}

const exitCodeHelp = `
Exit codes:
  0  every expectation was met        3  a device was refused, nothing was written
  1  an acknowledged write was lost   4  inconclusive, or the harness itself failed
  2  wrong usage or configuration     5  a performance gate was missed
  130, 143  interrupted, and cleaned up
`;
