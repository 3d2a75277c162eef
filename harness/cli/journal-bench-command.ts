import { HarnessError } from '../contract/index.ts';
import { byteSize } from './byte-size.ts';
import type { CommandContext } from './command-context.ts';
import type { JournalCommand } from './journal-command.ts';
import { openForWriting } from './journal-targets.ts';
import { printToolAnswer, runJournalTool, type PlaceOptions } from './journal-tool.ts';
import { wholeNumberFrom } from './option-values.ts';
import { examples, type Program } from './program.ts';
import { InvalidArgumentError } from './typed-commander.ts';

export function addJournalBench(program: Program, journal: JournalCommand): void {
  journal
    .command('bench')
    .description('measure durable appends on a scratch journal; its volume is left as it is')
    .argument('<target>', 'block device or image file that carries a journal')
    .option('--yes', 'do it: without this nothing is written')
    .option('--seconds <count>', 'for each number of writers (default: 3)', wholeNumberFrom(1))
    .option('--writers <counts>', 'concurrent writers (default: 1,64)', countList)
    .option('--payload <bytes>', 'of a record (default: 4k)', byteSize)
    .option('--durability <path>', 'auto, none, fua or flush (default: auto)')
    .option('--data-device <target>', 'of a journal whose volume has a device of its own')
    .option('--key-file <file>', 'file with the key of an encrypted journal')
    .option('--key-env <name>', 'environment variable with the key')
    .addHelpText(
      'after',
      examples([
        'powercut journal format ./scratch.img --size 1GiB --yes',
        'powercut journal bench ./scratch.img --yes',
        'powercut journal bench ./scratch.img --writers 1,8,64 --seconds 10 --yes --json',
      ]),
    )
    .action((target, options) => program.perform((context) => bench(context, target, options)));
}

function countList(text: string): readonly number[] {
  const counts = text.split(',').map(Number);
  if (counts.every((count) => Number.isSafeInteger(count) && count >= 1)) return counts;
  throw new InvalidArgumentError('expected whole numbers from 1, between commas');
}

interface BenchOptions extends PlaceOptions {
  readonly yes?: true | undefined;
  readonly seconds?: number | undefined;
  readonly writers?: readonly number[] | undefined;
  readonly payload?: number | undefined;
  readonly durability?: string | undefined;
}

async function bench(
  context: CommandContext,
  target: string,
  { yes, seconds, writers, payload, durability, ...place }: BenchOptions,
): Promise<number> {
  if (yes !== true) {
    throw new HarnessError(
      'CONFIG_INVALID',
      `this writes to the journal on ${target}, which should be a scratch one; nothing was written; to do it, add --yes`,
    );
  }
  const wish = { seconds, writers, payloadBytes: payload, durability };
  const given = Object.entries(wish).filter(([, value]) => value !== undefined);
  return runJournalTool(context, {
    ...place,
    target,
    options: Object.fromEntries(given),
    open: (seen) => openForWriting(seen),
    use: async (tools, site) => {
      const answer = await tools.bench(site);
      const data = { device: site.devices.main.name, ...answer.data };
      const text = [`durable appends on ${site.devices.main.name}`, ...answer.text];
      return printToolAnswer(context, { ...answer, data, text });
    },
  });
}
