import { addJournalBench } from './journal-bench-command.ts';
import { addJournalFormat } from './journal-format-command.ts';
import { addJournalInspection } from './journal-inspect-commands.ts';
import { addJournalRecover } from './journal-recover-command.ts';
import { examples, type Program } from './program.ts';

/** The tools of the journal engine, for a device or an image file. */
export function addJournalCommand(program: Program): void {
  const journal = addGroup(program);
  addJournalFormat(program, journal);
  addJournalInspection(program, journal);
  addJournalRecover(program, journal);
  addJournalBench(program, journal);
}

/** The command that the tools are subcommands of. */
export type JournalCommand = ReturnType<typeof addGroup>;

// The type that commander infers for it has no other name.
function addGroup(program: Program) {
  return program.command
    .command('journal')
    .description('make, look at, check, recover and measure a journal on a device or image file')
    .addHelpText('after', exitCodeHelp)
    .addHelpText(
      'after',
      examples([
        'powercut journal format ./scratch.img --size 256MiB --yes',
        'powercut journal info ./scratch.img',
        'powercut journal check /dev/nvme0n1 --json',
      ]),
    );
}

const exitCodeHelp = `
Exit codes:
  0  in order; the torn end that a power cut leaves is in order
  1  corrupt: acknowledged records are missing, or may be
  2  wrong usage, or no journal there
  3  the target was refused, nothing was written
  4  cannot be judged: unreadable, encrypted without its key, or of a newer format
`;
