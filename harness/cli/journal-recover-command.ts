import type { CommandContext } from './command-context.ts';
import type { JournalCommand } from './journal-command.ts';
import { openForReading, openForWriting } from './journal-targets.ts';
import { printToolAnswer, runJournalTool, type PlaceOptions } from './journal-tool.ts';
import { examples, type Program } from './program.ts';

export function addJournalRecover(program: Program, journal: JournalCommand): void {
  journal
    .command('recover')
    .description('recover a journal as an open would: replay, claim, close cleanly')
    .argument('<target>', 'block device or image file')
    .option('--dry-run', 'say what would be done, and write nothing')
    .option('--data-device <target>', 'of a journal whose volume has a device of its own')
    .option('--durability <path>', 'auto, none, fua or flush (default: auto)')
    .option('--key-file <file>', 'file with the key of an encrypted journal')
    .option('--key-env <name>', 'environment variable with the key')
    .addHelpText(
      'after',
      examples([
        'powercut journal recover ./scratch.img --dry-run',
        'powercut journal recover ./scratch.img',
      ]),
    )
    .action((target, options) => program.perform((context) => recover(context, target, options)));
}

interface RecoverOptions extends PlaceOptions {
  readonly dryRun?: true | undefined;
  readonly durability?: string | undefined;
}

function recover(
  context: CommandContext,
  target: string,
  { dryRun, durability, ...place }: RecoverOptions,
): Promise<number> {
  return runJournalTool(context, {
    ...place,
    target,
    options: { dryRun: dryRun === true, ...(durability === undefined ? {} : { durability }) },
    open: (seen) => (dryRun === true ? openForReading(seen) : openForWriting(seen)),
    use: async (tools, site) => printToolAnswer(context, await tools.recover(site)),
  });
}
