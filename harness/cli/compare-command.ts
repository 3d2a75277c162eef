import { compareRuns, type RunComparison } from '../measure/statistics/compare-runs.ts';
import { printAnswer, type CommandContext } from './command-context.ts';
import { readComparableRun } from './compare-inputs.ts';
import { comparisonText } from './compare-text.ts';
import { exitCodes } from './exit-codes.ts';
import { examples, type Program } from './program.ts';

export function addCompareCommand(program: Program): void {
  program.command
    .command('compare')
    .description('is one run better or worse than another, or is there no difference?')
    .argument(
      '<reference>',
      'run directory, JSON of powercut fio or of fio, or a directory of such',
    )
    .argument(
      '<candidate>',
      'the same, of what is to be judged; FILE#JOB-FILE names one of several',
    )
    .option('--gate', 'exit with 5 where the candidate is worse, 4 where that cannot be told')
    .option('--keep-tainted', 'look at rounds in which the machine was busy with something else')
    .addHelpText('after', verdictHelp)
    .addHelpText(
      'after',
      examples([
        'powercut fio before.fio after.fio --repeat 12 --output-format=powercut --output night.json',
        'powercut compare night.json#before.fio night.json#after.fio',
        'powercut compare results/monday results/tuesday --gate',
        'powercut compare fio-json-of-old/ fio-json-of-new/ --json',
      ]),
    )
    .action((reference, candidate, options) =>
      program.perform((context) => compare(context, reference, candidate, options)),
    );
}

const verdictHelp = `
Verdicts, each with the estimate of the change and its exact interval:
  worse, better   the change is at least the least that matters, and chance is excluded
  no difference   the whole interval is smaller than what matters
  not worse       only its bad end is
  inconclusive    the figures do not decide: run more rounds
  invalid         the machine was too busy, or there is no figure to take a ratio of

What matters: 5 % of a rate, a median or CPU time, 10 % of a p99, 20 % of a p99.9; of bytes and
flushes, which are counted, 0.5 % (1 % where others may write to the disk as well).
Percentiles are compared from 100 samples beyond them on: a p99 from 10,000 operations.

Exit codes with --gate:
  0  nothing is worse             4  something cannot be told, or the machines differ
  1  something was lost           5  a figure is worse
`;

interface CompareOptions {
  readonly gate?: true | undefined;
  readonly keepTainted?: true | undefined;
}

async function compare(
  context: CommandContext,
  reference: string,
  candidate: string,
  { gate, keepTainted }: CompareOptions,
): Promise<number> {
  const { directory } = context.environment;
  const comparison = compareRuns(
    readComparableRun(reference, directory),
    readComparableRun(candidate, directory),
    { keepsTainted: keepTainted === true, strictness: gate === true ? 'gate' : 'night' },
  );
  printAnswer(context, comparison, comparisonText(comparison));
  return gate === true ? gateExitCode(comparison) : exitCodes.pass;
}

/** What was lost comes first; and what cannot be told is never a pass. */
function gateExitCode({ durability, metrics, circumstances }: RunComparison): number {
  if (durability.some(({ candidate }) => !candidate.passed)) return exitCodes.durabilityFailure;
  const verdicts = metrics.map(({ verdict }) => verdict);
  if (verdicts.includes('worse')) return exitCodes.performanceGate;
  const isUnclear = verdicts.some((verdict) => verdict === 'inconclusive' || verdict === 'invalid');
  const isNothing = verdicts.length === 0 && durability.length === 0;
  return isUnclear || isNothing || circumstances.length > 0
    ? exitCodes.inconclusive
    : exitCodes.pass;
}
