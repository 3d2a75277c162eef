import {
  printAnswer,
  requestContext,
  resolvePath,
  type CommandContext,
} from './command-context.ts';
import { loadReporters } from './load-reporters.ts';
import { collectNames } from './option-values.ts';
import { examples, type Program } from './program.ts';
import { existingRunDirectory } from './run-directory-argument.ts';

const defaultReporters = ['terminal', 'json', 'csv', 'html'] as const;

export function addReportCommand(program: Program): void {
  program.command
    .command('report')
    .description('write the reports of a saved run again, from its events')
    .argument('<directory>', 'run directory')
    .option(
      '--reporter <name>',
      `reporters, repeatable (default: ${defaultReporters.join(',')})`,
      collectNames,
    )
    .option('--out <directory>', 'where the reports go (default: the run directory)')
    .addHelpText(
      'after',
      examples([
        'powercut report results/latest',
        'powercut report results/latest --reporter html --out public',
      ]),
    )
    .action((directory, options) =>
      program.perform((context) => report(context, directory, options)),
    );
}

interface ReportOptions {
  readonly reporter?: readonly string[] | undefined;
  readonly out?: string | undefined;
}

async function report(
  context: CommandContext,
  directory: string,
  options: ReportOptions,
): Promise<number> {
  const runDirectory = existingRunDirectory(context, directory);
  const names = options.reporter ?? defaultReporters;
  const target = options.out ?? directory;
  const summary = await context.environment.services.reportRun({
    ...requestContext(context),
    runDirectory,
    outputDirectory: resolvePath(context, target),
    reporters: await loadReporters(names, context.environment.directory, {
      directory: target,
      progress: false,
    }),
  });
  if (context.json) printAnswer(context, summary, '');
  return summary.exitCode;
}
