import * as os from 'node:os';
import { printAnswer, requestContext, type CommandContext } from './command-context.ts';
import { loadReporters } from './load-reporters.ts';
import { wholeNumberFrom } from './option-values.ts';
import { examples, type Program } from './program.ts';
import { existingRunDirectory } from './run-directory-argument.ts';

export function addVerifyCommand(program: Program): void {
  program.command
    .command('verify')
    .description('judge a saved run again, from its directory alone')
    .argument('<directory>', 'run directory')
    .option('--jobs <count>', 'worker threads (default: one for each core)', wholeNumberFrom(1))
    .addHelpText('after', examples(['powercut verify results/latest']))
    .action((directory, options) =>
      program.perform((context) => verify(context, directory, options)),
    );
}

async function verify(
  context: CommandContext,
  directory: string,
  options: { readonly jobs?: number | undefined },
): Promise<number> {
  const runDirectory = existingRunDirectory(context, directory);
  const summary = await context.environment.services.verifyRun({
    ...requestContext(context),
    runDirectory,
    reporters: await loadReporters(['terminal'], context.environment.directory, {
      directory,
      progress: false,
    }),
    jobs: options.jobs ?? os.availableParallelism(),
  });
  if (context.json) printAnswer(context, summary, '');
  return summary.exitCode;
}
