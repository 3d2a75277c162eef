import * as fs from 'node:fs';
import { HarnessError } from '../contract/index.ts';
import { createBackingFile } from '../device/backing-file.ts';
import { byteSize } from './byte-size.ts';
import { resolvePath, type CommandContext } from './command-context.ts';
import type { JournalCommand } from './journal-command.ts';
import { factsOf, openForWriting } from './journal-targets.ts';
import { printToolAnswer, runJournalTool, type PlaceOptions } from './journal-tool.ts';
import { collect } from './option-values.ts';
import { examples, type Program } from './program.ts';
import { Option } from './typed-commander.ts';

export function addJournalFormat(program: Program, journal: JournalCommand): void {
  journal
    .command('format')
    .description('make a new journal; what was on the target is lost')
    .argument('<target>', 'block device or image file')
    .option('--yes', 'do it: without this nothing is written')
    .option('--size <bytes>', 'make a new image file of that size', byteSize)
    .option('--data-device <target>', "put the volume's blocks on a device of their own")
    .option('--ring-size <bytes>', 'of the log (default: a quarter, at most 256 MiB)', byteSize)
    .option('--page-size <bytes>', '4k or 16k (default: 4k)', byteSize)
    .option('--data-size <bytes>', 'of the volume (default: all that is left)', byteSize)
    .option('--mode <mode>', 'what happens to the blocks of the volume (default: journal)')
    .option('--double-write <mode>', 'auto, off, destage or full (default: auto)')
    .option('--durability <path>', 'auto, none, fua or flush (default: auto, which measures)')
    .option('--strict', 'acknowledge only when a second durable page confirms the first')
    .option('--trust-atomic-unit', "believe the drive's atomic write unit beyond its block")
    .addOption(
      new Option('--block-size <bytes>', 'logical block of an image file (default: 4k)').argParser(
        byteSize,
      ),
    )
    .option('--key-file <file>', 'encrypt pages with the key in this file')
    .option('--key-env <name>', 'encrypt pages with the key in this environment variable')
    .option('--force <name>', 'contents that may be lost, by name; repeatable', collect)
    .addHelpText(
      'after',
      examples([
        'powercut journal format ./scratch.img --size 256MiB --yes',
        'powercut journal format /dev/disk/by-id/nvme-X --ring-size 1GiB --page-size 16k --yes',
        'powercut journal format ./log.img --data-device ./data.img --mode ordered --yes',
        'powercut journal format ./scratch.img --force 9f2c41aa --yes',
      ]),
    )
    .action((target, options) => program.perform((context) => format(context, target, options)));
}

interface FormatOptions extends PlaceOptions {
  readonly yes?: true | undefined;
  readonly size?: number | undefined;
  readonly ringSize?: number | undefined;
  readonly pageSize?: number | undefined;
  readonly dataSize?: number | undefined;
  readonly blockSize?: number | undefined;
  readonly mode?: string | undefined;
  readonly doubleWrite?: string | undefined;
  readonly durability?: string | undefined;
  readonly strict?: true | undefined;
  readonly trustAtomicUnit?: true | undefined;
  readonly force?: readonly string[] | undefined;
}

async function format(
  context: CommandContext,
  target: string,
  options: FormatOptions,
): Promise<number> {
  const path = resolvePath(context, target);
  await confirm(path, options);
  if (options.size !== undefined) await createImage(path, options.size);
  let exitCode: number | undefined;
  try {
    exitCode = await formatTarget(context, target, options);
    return exitCode;
  } finally {
    // A new file without a journal in it is of no use to anybody.
    if (exitCode === undefined && options.size !== undefined) fs.rmSync(path, { force: true });
  }
}

function formatTarget(
  context: CommandContext,
  target: string,
  options: FormatOptions,
): Promise<number> {
  const { dataDevice, keyFile, keyEnv, force = [] } = options;
  const logicalBlockBytes = blockBytesOf(options);
  return runJournalTool(context, {
    target,
    dataDevice,
    keyFile,
    keyEnv,
    options: wishOf(options),
    // What was there says nothing about the new journal: all of the target is used.
    open: (seen) =>
      openForWriting({ ...seen, logicalBlockBytes, capacityBlocks: undefined }, force),
    use: async (tools, site) => printToolAnswer(context, await tools.format(site)),
  });
}

function blockBytesOf({ blockSize = 4096 }: FormatOptions): 512 | 4096 {
  if (blockSize === 512 || blockSize === 4096) return blockSize;
  throw new HarnessError('CONFIG_INVALID', `--block-size ${blockSize}, expected 512 or 4k`);
}

/** Only what was given: the engine knows the rest. */
function wishOf(options: FormatOptions): Readonly<Record<string, unknown>> {
  const { pageSize, ringSize, dataSize, mode, doubleWrite, durability, strict, trustAtomicUnit } =
    options;
  const wish = {
    pageBytes: pageSize,
    ringBytes: ringSize,
    dataBytes: dataSize,
    mode,
    doubleWrite,
    durability,
    strict,
    trustAtomicUnit,
  };
  return Object.fromEntries(Object.entries(wish).filter(([, value]) => value !== undefined));
}

async function confirm(path: string, { yes, size, dataDevice }: FormatOptions): Promise<void> {
  if (yes === true) return;
  const what = size === undefined ? await describe(path) : `a new file of ${size} bytes`;
  const both = dataDevice === undefined ? '' : ` and ${dataDevice}`;
  throw new HarnessError(
    'CONFIG_INVALID',
    `this overwrites ${path}${both} (${what}); nothing was written; to do it, add --yes`,
  );
}

async function describe(path: string): Promise<string> {
  const facts = await factsOf(path);
  if (facts.kind === 'regular-file') return `a file of ${facts.byteCount} bytes`;
  const { kernelName, model, serial, byteCount } = facts;
  const named = [model, serial === undefined ? undefined : `serial ${serial}`];
  const known = named.filter((part) => part !== undefined).join(', ');
  return `${kernelName}, ${byteCount} bytes${known === '' ? '' : `, ${known}`}`;
}

async function createImage(path: string, byteCount: number): Promise<void> {
  if (fs.existsSync(path)) {
    throw new HarnessError(
      'CONFIG_INVALID',
      `${path} exists, and --size makes a new file; leave --size out to use it as it is`,
    );
  }
  try {
    await createBackingFile(path, byteCount);
  } catch (error) {
    fs.rmSync(path, { force: true });
    const { message } = error as Error;
    throw new HarnessError('CONFIG_INVALID', `${path} cannot be made: ${message}`, {
      cause: error,
    });
  }
}
