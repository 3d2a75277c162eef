import { writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { HarnessError } from '../contract/index.ts';
import { logFilesOf, writeLogFiles } from '../fio/output/fio-logs.ts';
import { fioRunReport, type FioRunReport } from '../fio/rounds/run-report.ts';
import { pathsOf, runRounds, type VariantRun } from '../fio/rounds/run-rounds.ts';
import { readStorageFacts } from '../fio/rounds/storage-facts.ts';
import { collectHostFacts } from '../measure/host-facts.ts';
import { byteSize } from './byte-size.ts';
import { printAnswer, resolvePath, type CommandContext } from './command-context.ts';
import { exitCodes } from './exit-codes.ts';
import { fioAnswer, outputFormats, type OutputFormat } from './fio-answer.ts';
import { chooseEngine, type ChosenEngine, type FioEngineOptions } from './fio-engine.ts';
import {
  readJobsOfFile,
  readJobsOfWords,
  type JobFileWish,
  type ReadJobs,
} from './fio-job-files.ts';
import { planJobs, planText } from './fio-plan.ts';
import { collect, wholeNumberFrom } from './option-values.ts';
import { examples, type Program } from './program.ts';
import { Option } from './typed-commander.ts';

export function addFioCommand(program: Program): void {
  program.command
    .command('fio')
    .description(
      'run fio job files: the same options, the same meaning, figures with their intervals',
    )
    .argument('<job-file...>', "job files, each run after the other; or fio's own words behind --")
    .addOption(
      new Option('--output-format <format>', 'fio formats, latency buckets as csv, or our own')
        .choices(outputFormats)
        .default('normal' as const),
    )
    .option('--output <file>', 'write the answer to a file instead')
    .option('--set <name=value>', 'an option that outranks the files; repeatable', collect)
    .option('--seed <number>', 'seed of all chance (default: 0)', wholeNumberFrom(0))
    .option('--repeat <count>', 'run all files in turn, so often (default: 1)', wholeNumberFrom(1))
    .option('--engine <plugin>', 'engine under test for jobs of ioengine=powercut')
    .option('--engine-set <name=value>', 'an option of the engine; repeatable', collect)
    .option('--target <path>', 'file or device that carries the engine (default: the twin)')
    .option('--twin-size <bytes>', 'of the simulated drive (default: 64MiB)', byteSize)
    .option('--plan', 'print what would be done, with its digest, and do nothing')
    .option('--plan-ops <count>', 'operations to print and digest with --plan', wholeNumberFrom(1))
    .addHelpText('after', formatHelp)
    .addHelpText(
      'after',
      examples([
        'powercut fio randwrite.fio',
        'powercut fio randwrite.fio --output-format=json --output randwrite-4-1.json',
        'powercut fio randwrite.fio --set iodepth=32 --set runtime=10s --set time_based',
        'powercut fio before.fio after.fio --repeat 12 --output-format=powercut --output night.json',
        'powercut compare night.json#before.fio night.json#after.fio',
        'powercut fio randwrite.fio --plan --seed 7',
        'powercut fio randwrite.fio --set ioengine=powercut --engine journal',
        'powercut fio randwrite.fio --set ioengine=powercut --engine journal --target ./scratch.img',
        'powercut fio -- --name=a --rw=randwrite --bs=4k --size=64m --filename=/tmp/a',
      ]),
    )
    .action((files, options) => program.perform((context) => fio(context, files, options)));
}

const formatHelp = `
Formats:
  normal     for people
  json       as fio prints it, for fio-plot and the like; what fio has no name for is beside it
  json+      the same with the bins of every histogram
  csv        the buckets of every latency
  powercut   every figure with its unit, the machine, and every level of write amplification
             (also what --json prints, and what powercut compare reads best)

Exit codes:
  0  every operation was done, and what was verified was as written
  1  something that was verified was not as written
  2  wrong usage, or a job file with errors: nothing was written
  3  a device was refused, nothing was written
  4  operations failed
`;

interface FioOptions extends FioEngineOptions {
  readonly outputFormat: OutputFormat;
  readonly output?: string | undefined;
  readonly set?: readonly string[] | undefined;
  readonly seed?: number | undefined;
  readonly repeat?: number | undefined;
  readonly plan?: true | undefined;
  readonly planOps?: number | undefined;
}

async function fio(
  context: CommandContext,
  names: readonly string[],
  options: FioOptions,
): Promise<number> {
  const chosen = await chooseEngine(context, options);
  const files = readAll(names, {
    directory: context.environment.directory,
    sets: options.set ?? [],
    hasEngine: chosen !== undefined,
  });
  for (const warning of files.flatMap(({ warnings }) => warnings)) {
    context.environment.writeError(`warning: ${warning}\n`);
  }
  if (options.plan === true) return printPlan(context, files, options);
  const startedAt = new Date().toISOString();
  const runs = await measure(context, files, options, chosen);
  const report = await reportOf(context, files, runs, {
    startedAt,
    seed: options.seed ?? 0,
    chosen,
  });
  writeLogs(context, runs);
  await deliver(context, runs, report, options);
  return exitCodeOf(context, report);
}

function readAll(names: readonly string[], wish: JobFileWish): readonly ReadJobs[] {
  if (names.some((name) => name.startsWith('--'))) return [readJobsOfWords(names, wish)];
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) {
    throw new HarnessError(
      'CONFIG_INVALID',
      `${repeated} is named twice; name it once, and use --repeat to run it more than once`,
    );
  }
  return names.map((name) => readJobsOfFile(name, wish));
}

function printPlan(
  context: CommandContext,
  files: readonly ReadJobs[],
  { seed = 0, planOps }: FioOptions,
): number {
  const jobs = planJobs(files, seed, planOps);
  printAnswer(context, { seed, jobs }, planText(jobs, seed));
  return exitCodes.pass;
}

async function measure(
  { environment, json }: CommandContext,
  files: readonly ReadJobs[],
  { seed = 0, repeat = 1 }: FioOptions,
  chosen: ChosenEngine | undefined,
): Promise<readonly VariantRun[]> {
  const showsProgress = environment.isTerminal && !json;
  let running = '';
  const runs = await runRounds(files, {
    seed,
    repeats: repeat,
    signal: environment.interrupted,
    ...(chosen && { engine: chosen.engine }),
    onRun: (round, variant) => {
      running = `${variant}, round ${round + 1} of ${repeat}`;
    },
    ...(showsProgress
      ? {
          onProgress: ({ ops }, { name }) => {
            environment.writeError(
              `\r\x1b[K${running}: ${name} ${ops.toLocaleString('en')} operations`,
            );
          },
        }
      : {}),
  });
  if (showsProgress) environment.writeError('\r\x1b[K');
  return runs;
}

interface ReportWish {
  readonly startedAt: string;
  readonly seed: number;
  readonly chosen: ChosenEngine | undefined;
}

async function reportOf(
  { toolVersion, command }: CommandContext,
  files: readonly ReadJobs[],
  runs: readonly VariantRun[],
  { startedAt, seed, chosen }: ReportWish,
): Promise<FioRunReport> {
  const paths = files.flatMap(({ jobs }) => pathsOf(jobs, chosen?.engine));
  return fioRunReport(runs, {
    toolVersion,
    command,
    startedAt,
    seed,
    host: await collectHostFacts(),
    storage: await Promise.all([...new Set(paths)].map(readStorageFacts)),
    warnings: files.flatMap(({ warnings }) => warnings),
    ...(chosen && { engineUnderTest: chosen.described }),
  });
}

/** Beside the answer, where fio puts them; of several runs, the name says which one it was. */
function writeLogs(context: CommandContext, runs: readonly VariantRun[]): void {
  const logs = runs.flatMap(({ results, variant, round }) => {
    const file = path.basename(variant).replaceAll(/[^\w.-]/g, '-');
    return logFilesOf(results, runs.length === 1 ? '' : `.${file}.${round + 1}`);
  });
  writeLogFiles(logs, (name) => resolvePath(context, name));
}

async function deliver(
  context: CommandContext,
  runs: readonly VariantRun[],
  report: FioRunReport,
  { output, outputFormat }: FioOptions,
): Promise<void> {
  const text = fioAnswer(outputFormat, runs, report);
  if (output !== undefined) await writeFile(resolvePath(context, output), text);
  if (output === undefined || context.json) printAnswer(context, report, text);
}

function exitCodeOf({ environment }: CommandContext, { runs }: FioRunReport): number {
  const { interrupted } = environment;
  if (interrupted.aborted)
    return interrupted.reason === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted;
  const jobs = runs.flatMap((run) => run.jobs);
  const faults = jobs.flatMap(({ verification }) =>
    verification.map(({ faultCount }) => faultCount),
  );
  if (faults.some((count) => count > 0)) return exitCodes.durabilityFailure;
  const failed = jobs.some(
    ({ errorCount, endedBy }) => errorCount > 0 || endedBy.includes('latency-limit'),
  );
  return failed ? exitCodes.inconclusive : exitCodes.pass;
}
