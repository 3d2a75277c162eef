import { HarnessError } from '../contract/index.ts';
import { printAnswer, requestContext, type CommandContext } from './command-context.ts';
import { examples, type Program } from './program.ts';
import { existingRunDirectory } from './run-directory-argument.ts';

export function addReplayCommand(program: Program): void {
  program.command
    .command('replay')
    .description('rebuild one crash state of a saved run, recover it and judge it')
    .argument('<directory#state>', 'run directory and crash state, as a failure names them')
    .addHelpText('after', examples(["powercut replay 'results/latest#power-cut-bank:0:1234'"]))
    .action((target) => program.perform((context) => replay(context, target)));
}

async function replay(context: CommandContext, target: string): Promise<number> {
  const { directory, state } = parseTarget(target);
  const { exitCode, answer, text } = await context.environment.services.replayState({
    ...requestContext(context),
    runDirectory: existingRunDirectory(context, directory),
    state,
  });
  printAnswer(context, answer, text);
  return exitCode;
}

function parseTarget(target: string): { readonly directory: string; readonly state: string } {
  const [, directory, state] = /^([^#]+)#(.+)$/.exec(target) ?? [];
  if (directory !== undefined && state !== undefined) return { directory, state };
  throw new HarnessError(
    'CONFIG_INVALID',
    `"${target}" names no crash state, expected DIRECTORY#STATE as the report of the run shows it`,
  );
}
