import { HarnessError, type ToolAnswer } from '../contract/index.ts';
import type { CommandContext } from './command-context.ts';
import type { JournalCommand } from './journal-command.ts';
import { exitCodes } from './exit-codes.ts';
import { isHeld, openForReading } from './journal-targets.ts';
import { printToolAnswer, runJournalTool, type PlaceOptions } from './journal-tool.ts';
import { wholeNumberFrom } from './option-values.ts';
import { examples, type Program } from './program.ts';
import { formatToolText } from './tool-text.ts';

/** The tools that only read: the target is opened read-only, and stays byte for byte as it is. */
export function addJournalInspection(program: Program, journal: JournalCommand): void {
  journal
    .command('info')
    .description('say what a journal is and where its log begins and ends')
    .argument('<target>', 'block device or image file')
    .option('--key-file <file>', 'file with the key of an encrypted journal')
    .option('--key-env <name>', 'environment variable with the key')
    .addHelpText('after', examples(['powercut journal info ./scratch.img --json']))
    .action((target, options) => program.perform((context) => info(context, target, options)));
  journal
    .command('check')
    .description('say what recovery would find, and why: clean, torn or corrupt; writes nothing')
    .argument('<target>', 'block device or image file')
    .option('--data-device <target>', 'of a journal whose volume has a device of its own')
    .option('--key-file <file>', 'file with the key of an encrypted journal')
    .option('--key-env <name>', 'environment variable with the key')
    .addHelpText('after', examples(['powercut journal check ./scratch.img']))
    .action((target, options) => program.perform((context) => check(context, target, options)));
  journal
    .command('dump')
    .description('show pages of the log and the records in them')
    .argument('<target>', 'block device or image file')
    .option(
      '--from <place>',
      'page=N, or lsn=N for the page that holds that record (default: tail)',
    )
    .option('--count <pages>', 'at most so many pages', wholeNumberFrom(1))
    .option('--records', 'the records of whole pages too')
    .option('--page <number>', 'one page, with its records', wholeNumberFrom(0))
    .option('--hex', 'the bytes of each page too')
    .option('--key-file <file>', 'file with the key of an encrypted journal')
    .option('--key-env <name>', 'environment variable with the key')
    .addHelpText(
      'after',
      examples([
        'powercut journal dump ./scratch.img --records',
        'powercut journal dump ./scratch.img --from lsn=300 --count 4',
        'powercut journal dump ./scratch.img --page 4096 --hex',
        'powercut journal dump ./scratch.img --records --json | jq -c "select(.kind == \\"record\\")"',
      ]),
    )
    .action((target, options) => program.perform((context) => dump(context, target, options)));
}

function info(context: CommandContext, target: string, options: PlaceOptions): Promise<number> {
  return runJournalTool(context, {
    ...options,
    target,
    options: {},
    open: async (seen) => {
      await warnIfHeld(context, seen);
      return openForReading(seen);
    },
    use: async (tools, site) => printToolAnswer(context, await tools.info(site)),
  });
}

function check(context: CommandContext, target: string, options: PlaceOptions): Promise<number> {
  return runJournalTool(context, {
    ...options,
    target,
    options: {},
    open: async (seen) => {
      await warnIfHeld(context, seen);
      return openForReading(seen);
    },
    use: async (tools, site) => printToolAnswer(context, await tools.check(site)),
  });
}

interface DumpOptions extends PlaceOptions {
  readonly from?: string | undefined;
  readonly count?: number | undefined;
  readonly records?: true | undefined;
  readonly page?: number | undefined;
  readonly hex?: true | undefined;
}

function dump(context: CommandContext, target: string, options: DumpOptions): Promise<number> {
  const { keyFile, keyEnv } = options;
  return runJournalTool(context, {
    target,
    keyFile,
    keyEnv,
    options: wishOf(options),
    open: openForReading,
    use: async (tools, site) => {
      for await (const item of tools.dump(site)) printItem(context, item);
      return exitCodes.pass;
    },
  });
}

/** One line of JSON per item, so that a reader can begin before the end. */
function printItem({ environment, json }: CommandContext, { data, text }: ToolAnswer): void {
  environment.writeOut(
    json ? `${JSON.stringify(data)}\n` : formatToolText(text).replaceAll('\n\n', '\n'),
  );
}

function wishOf({
  from,
  count,
  records,
  page,
  hex,
}: DumpOptions): Readonly<Record<string, unknown>> {
  if (page !== undefined && (from !== undefined || count !== undefined)) {
    throw new HarnessError(
      'CONFIG_INVALID',
      '--page shows one page, expected no --from or --count',
    );
  }
  const shown = { records: records ?? page !== undefined, hex: hex === true };
  if (page !== undefined) return { fromPage: page, count: 1, ...shown };
  return { ...placeOf(from), ...(count === undefined ? {} : { count }), ...shown };
}

function placeOf(from: string | undefined): Readonly<Record<string, number>> {
  if (from === undefined) return {};
  const [, kind, digits] = /^(page=|lsn=)?(\d+)$/.exec(from) ?? [];
  const number = Number(digits);
  if (!Number.isSafeInteger(number)) {
    throw new HarnessError('CONFIG_INVALID', `--from ${from}, expected page=N or lsn=N`);
  }
  return kind === 'lsn=' ? { fromLsn: number } : { fromPage: number };
}

/** Not a refusal: looking does no harm, but what is seen may be half of a change. */
async function warnIfHeld(
  { environment }: CommandContext,
  seen: Parameters<typeof isHeld>[0],
): Promise<void> {
  if (!(await isHeld(seen))) return;
  environment.writeError(
    `powercut: ${seen.path} is in use by another program: what follows may be changing under way\n`,
  );
}
