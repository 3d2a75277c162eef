import { randomUUID } from 'node:crypto';
import * as os from 'node:os';
import * as path from 'node:path';
import { HarnessError, rigNames, type RigName } from '../contract/index.ts';
import type { AnyReadyScenario } from '../run/plugin-sources.ts';
import {
  printAnswer,
  requestContext,
  resolvePath,
  type CommandContext,
} from './command-context.ts';
import { exitCodes } from './exit-codes.ts';
import { loadReporters } from './load-reporters.ts';
import { loadScenarios } from './load-scenario.ts';
import { collect, collectNames, wholeNumberFrom } from './option-values.ts';
import { examples, type Program } from './program.ts';
import { formatPlan } from './run-plan.ts';
import { overrideField, type ReadScenarios, type ScenarioPath } from './scenario-source.ts';
import { selectScenarios } from './select-scenarios.ts';
import type { RunRequest } from './services.ts';
import { Option } from './typed-commander.ts';

const defaultReporters = ['terminal', 'json', 'csv', 'html'] as const;

export function addRunCommand(program: Program): void {
  program.command
    .command('run')
    .description('run scenarios: workload, fault, every crash state, verdict, reports')
    .argument('[scenario...]', 'built-in scenario, profile (smoke), or scenario file')
    .option('--engine <plugin>', 'engine of a scenario given by flags')
    .option(
      '--workload <plugin>',
      'workload of a scenario given by flags, or else of every named one',
    )
    .option('--fault <plugin>', 'fault of a scenario given by flags; repeatable', collect)
    .option(
      '--on <device>',
      'device of the fault: main, data or both, one for each --fault',
      collect,
    )
    .option('--at <moment>', 'when the fault comes into force, one for each --fault', collect)
    .option(
      '--set <part.field=value>',
      'field of the scenario given by flags, or else of every named one; repeatable',
      collect,
    )
    .addOption(
      new Option(
        '--durability <path>',
        'how the journal makes writes durable; short for --set engine.durability=PATH',
      ).choices(['auto', 'fua', 'flush', 'none']),
    )
    .addOption(new Option('--rig <rig>', 'where the device comes from').choices(rigNames))
    .option('--device <path>', 'block device for rig device, by its /dev/disk/by-id name')
    .option('--data-device <path>', 'a second one, for scenarios with a data device')
    .option('--log-device <path>', 'one for the log of dm-log-writes (default: a loop device)')
    .option('--seed <number>', 'seed of all chance', wholeNumberFrom(0))
    .option('--states <count>', 'most crash states for each scenario', wholeNumberFrom(1))
    .option('--rounds <count>', 'runs of the workload for each scenario', wholeNumberFrom(1))
    .option('--jobs <count>', 'worker threads (default: one for each core)', wholeNumberFrom(1))
    .option('--out <directory>', 'run directory (default: results/<run id>)')
    .option(
      '--reporter <name>',
      `reporters, repeatable (default: ${defaultReporters.join(',')})`,
      collectNames,
    )
    .option('--no-progress', 'no progress line')
    .option('--dry-run', 'print the plan and do nothing')
    .option('--stop-on-failure', 'start no further scenario after one that failed')
    .addHelpText('after', momentHelp)
    .addHelpText(
      'after',
      examples([
        'powercut run smoke',
        'powercut run ./my-scenario.yaml --states 20000',
        'powercut run --engine journal --workload bank --fault bit-rot --at op=40 --seed 1',
        'powercut run --engine journal --workload hot-spot --fault power-cut --at flush=9 \\\n' +
          '      --set engine.ringPages=64 --set device.logicalBlockBytes=512',
        'powercut run --engine journal --workload random-write --fault power-cut --at op=40 \\\n' +
          '      --on data --set dataDevice.capacityBlocks=16384',
        'powercut run power-cut-bank --durability flush --set engine.strict=true',
        'powercut run smoke --dry-run',
      ]),
    )
    .action((names, options) => program.perform((context) => run(context, names, options)));
}

const momentHelp = `
Moments:
  op=40          once the workload's 40th operation has been invoked
  flush=3        at the third flush that the drive receives
  area=NAME      at the first request to that area of the engine
  bytes=0,4096   at the first request to those bytes (offset, count)
  ms=2           once that much time has passed on the clock of the run

Two devices (--set dataDevice.capacityBlocks=16384, or dataDevice: in a file):
  a power cut takes both at once, unless --on main or --on data cuts one alone;
  the other goes on until the end. Other faults act on the device of the area that
  they aim at, on main, or where --on says.
`;

interface RunOptions {
  readonly engine?: string | undefined;
  readonly workload?: string | undefined;
  readonly fault?: readonly string[] | undefined;
  readonly at?: readonly string[] | undefined;
  readonly on?: readonly string[] | undefined;
  readonly set?: readonly string[] | undefined;
  readonly durability?: string | undefined;
  readonly rig?: RigName | undefined;
  readonly device?: string | undefined;
  readonly dataDevice?: string | undefined;
  readonly logDevice?: string | undefined;
  readonly seed?: number | undefined;
  readonly states?: number | undefined;
  readonly rounds?: number | undefined;
  readonly jobs?: number | undefined;
  readonly out?: string | undefined;
  readonly reporter?: readonly string[] | undefined;
  readonly progress: boolean;
  readonly dryRun?: true | undefined;
  readonly stopOnFailure?: true | undefined;
}

async function run(
  context: CommandContext,
  names: readonly string[],
  options: RunOptions,
): Promise<number> {
  const scenarios = await plannedScenarios(context, names, options);
  checkDevices(scenarios, options);
  const request = await createRequest(context, scenarios, options);
  if (options.dryRun === true) return printPlan(context, request);
  context.log.info({ runId: request.runId, scenarios: scenarios.length }, 'run starts');
  const summary = await context.environment.services.runScenarios(request);
  context.log.info({ runId: request.runId, exitCode: summary.exitCode }, 'run ended');
  if (context.json) printAnswer(context, summary, '');
  return summary.exitCode;
}

async function plannedScenarios(
  context: CommandContext,
  names: readonly string[],
  options: RunOptions,
): Promise<readonly AnyReadyScenario[]> {
  const { engine, workload, fault, at, on } = options;
  const flags = { engine, workload, fault, at, on, set: setsOf(options) };
  const { sources, problems } = selectScenarios(names, flags, context.environment.directory);
  if (sources.length === 0 && problems.length === 0) {
    throw new HarnessError(
      'CONFIG_INVALID',
      'no scenario is named, expected one such as smoke, a file, or --engine and --workload',
    );
  }
  return loadScenarios(withOverrides(sources, options), problems);
}

function setsOf({ set = [], durability }: RunOptions): readonly string[] | undefined {
  const sets = [...set, ...(durability === undefined ? [] : [`engine.durability=${durability}`])];
  return sets.length === 0 ? undefined : sets;
}

function withOverrides(
  sources: ReadScenarios['sources'],
  { seed, rig, states, rounds }: RunOptions,
): ReadScenarios['sources'] {
  const overrides: readonly (readonly [ScenarioPath, string | number | undefined, string])[] = [
    [['seed'], seed, '--seed'],
    [['rig'], rig, '--rig'],
    [['explore', 'states'], states, '--states'],
    // A fifth of them for crashes during and after a recovery, as the built-in scenarios have it.
    [['explore', 'nestedStates'], states && Math.floor(states / 5), '--states'],
    [['explore', 'rounds'], rounds, '--rounds'],
  ];
  return sources.map((source) =>
    overrides.reduce(
      (changed, [path, value, flag]) =>
        value === undefined ? changed : overrideField(changed, path, value, `${flag} ${value}`),
      source,
    ),
  );
}

/** A scenario runs on named devices alone, or on loop devices alone. */
function checkDevices(
  scenarios: readonly AnyReadyScenario[],
  { device, dataDevice, logDevice }: RunOptions,
): void {
  const onDevice = scenarios.filter(({ scenario }) => scenario.rig === 'device');
  const withData = onDevice.filter(({ scenario }) => scenario.dataDevice !== undefined);
  const problems = [
    [
      device !== undefined && onDevice.length === 0,
      `--device ${device} is given and no scenario uses a device, expected --rig device with it`,
    ],
    [
      dataDevice !== undefined && device === undefined,
      `--data-device ${dataDevice} is given without --device, expected both`,
    ],
    [
      dataDevice !== undefined && withData.length === 0,
      `--data-device ${dataDevice} is given and no scenario uses a data device, expected one with dataDevice and rig device`,
    ],
    [
      device !== undefined && dataDevice === undefined && withData.length > 0,
      `--device ${device} is given and ${withData[0]?.scenario.name} uses a data device, expected --data-device with it`,
    ],
    [
      logDevice !== undefined && !onDevice.some(usesLog),
      `--log-device ${logDevice} is given and no scenario writes a log, expected one with the fault dm-log-writes and rig device`,
    ],
    [
      logDevice !== undefined && (logDevice === device || logDevice === dataDevice),
      `--log-device ${logDevice} is named for something else too, expected a device of its own`,
    ],
    [
      dataDevice !== undefined && device === dataDevice,
      `--device and --data-device are both ${device}, expected two devices`,
    ],
  ] as const;
  const found = problems.find(([isWrong]) => isWrong);
  if (found !== undefined) throw new HarnessError('CONFIG_INVALID', found[1]);
}

function usesLog({ faults }: AnyReadyScenario): boolean {
  return faults.some(({ module }) => module.name === 'dm-log-writes');
}

async function createRequest(
  context: CommandContext,
  scenarios: readonly AnyReadyScenario[],
  options: RunOptions,
): Promise<RunRequest> {
  const runId = createRunId(new Date());
  const directory = options.out ?? path.join('results', runId);
  const showProgress = options.progress && !context.json;
  const names = options.reporter ?? defaultReporters;
  return {
    ...requestContext(context),
    runId,
    runDirectory: resolvePath(context, directory),
    scenarios,
    reporters: await loadReporters(names, context.environment.directory, {
      directory,
      progress: showProgress,
    }),
    jobs: options.jobs ?? os.availableParallelism(),
    showProgress,
    stopOnFailure: options.stopOnFailure === true,
    device: options.device,
    dataDevice: options.dataDevice,
    logDevice: options.logDevice,
  };
}

function printPlan(context: CommandContext, request: RunRequest): number {
  const scenarios = request.scenarios.map(({ scenario }) => scenario);
  const answer = { runDirectory: request.runDirectory, jobs: request.jobs, scenarios };
  printAnswer(context, answer, formatPlan(request));
  return exitCodes.pass;
}

/** Sorts by time; the last part keeps runs of the same second apart. */
function createRunId(now: Date): string {
  const time = now.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return `${time}-${randomUUID().slice(0, 4)}`;
}
