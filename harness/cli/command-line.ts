import { addCleanCommand } from './clean-command.ts';
import type { CliEnvironment, CommandContext } from './command-context.ts';
import { addCompareCommand } from './compare-command.ts';
import { addDoctorCommand } from './doctor-command.ts';
import { addFioCommand } from './fio-command.ts';
import { addJournalCommand } from './journal-command.ts';
import { addListCommand } from './list-command.ts';
import { createLogger } from './logger.ts';
import { createRootCommand, type Program } from './program.ts';
import { addReplayCommand } from './replay-command.ts';
import { addReportCommand } from './report-command.ts';
import { addRunCommand } from './run-command.ts';
import { toolVersion } from './tool-version.ts';
import { addVerifyCommand } from './verify-command.ts';

/** Reads a command line, does what it says, and answers the exit code. Throws what a command throws. */
export async function performCommandLine(
  words: readonly string[],
  environment: CliEnvironment,
): Promise<number> {
  let exitCode = 0;
  const command = createRootCommand(environment);
  const program: Program = {
    command,
    perform: async (action) => {
      exitCode = await action(createContext(command, words, environment));
    },
  };
  addRunCommand(program);
  addListCommand(program);
  addDoctorCommand(program);
  addVerifyCommand(program);
  addReplayCommand(program);
  addReportCommand(program);
  addCleanCommand(program);
  addJournalCommand(program);
  addFioCommand(program);
  addCompareCommand(program);
  await command.parseAsync(words, { from: 'user' });
  return exitCode;
}

function createContext(
  command: Program['command'],
  words: readonly string[],
  environment: CliEnvironment,
): CommandContext {
  const options = command.opts();
  return {
    environment,
    command: ['powercut', ...words.map(quoteWord)].join(' '),
    toolVersion: toolVersion(),
    json: options.json === true,
    log: createLogger(options.logLevel),
  };
}

/** As a shell would need it, so that the command can be copied from a report. */
function quoteWord(word: string): string {
  return /^[\w./:=,@%+#-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
