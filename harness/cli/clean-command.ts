import type { CleanReport } from '../run/resources-clean.ts';
import { describeResource } from '../run/resources-removal.ts';
import { printAnswer, type CommandContext } from './command-context.ts';
import { exitCodes } from './exit-codes.ts';
import { examples, type Program } from './program.ts';

export function addCleanCommand(program: Program): void {
  program.command
    .command('clean')
    .description('take away what runs that were killed have left on this machine')
    .addHelpText('after', examples(['powercut clean']))
    .action(() => program.perform(clean));
}

async function clean(context: CommandContext): Promise<number> {
  const report = await context.environment.services.clean();
  printAnswer(context, report, formatReport(report));
  return report.problems.length === 0 ? exitCodes.pass : exitCodes.inconclusive;
}

function formatReport({ released, problems, runningOwners }: CleanReport): string {
  const lines = [
    ...released.map((resource) => `removed ${describeResource(resource)}`),
    ...runningOwners.map((pid) => `left alone what process ${pid} uses: its run is not over`),
    ...problems.map((problem) => `could not remove ${problem}`),
  ];
  return `${lines.length === 0 ? 'nothing was left behind' : lines.join('\n')}\n`;
}
