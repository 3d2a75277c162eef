import * as path from 'node:path';
import type { Logger } from 'pino';
import {
  HarnessError,
  type Availability,
  type Host,
  type PluginKind,
  type ReporterModule,
  type RigName,
  type RunSummary,
} from '../contract/index.ts';
import {
  isFileScenario,
  type AnyReadyScenario,
  type PluginSources,
} from '../run/plugin-sources.ts';
import { losesCache } from '../run/real-crashes.ts';
import { probeHost, type HostCapability } from '../device/host-probe.ts';
import { collectHostFacts } from '../measure/host-facts.ts';
import { explainVm, probeVm } from '../rigs/vm/probe-vm.ts';
import { replayState } from '../run/replay-state.ts';
import { ReporterHub, withReporterProblems, type Terminal } from '../run/reporter-hub.ts';
import { runCells } from '../run/run-cells.ts';
import { RunDirectory, type SavedScenario } from '../run/run-directory.ts';
import { verifyRun } from '../run/verify-run.ts';
import { writeWholeFile } from '../run/whole-file.ts';
import { exitCodes } from './exit-codes.ts';
import { formatReplay } from './format-replay.ts';
import { builtInNames, builtInUrl } from './registry.ts';
import { formatScenario } from './scenario-file.ts';
import { cleanLeftovers, type CleanReport } from '../run/resources-clean.ts';
import { loadPlugin, type ConfiguredPlugin } from './load-plugin.ts';

/** What the commands hand to the harness. The command line itself decides nothing about verdicts. */
export interface CliServices {
  /** Runs the scenarios, saves the run directory and lets the reporters report. */
  runScenarios(request: RunRequest): Promise<RunSummary>;
  /** Judges a saved run again, from its directory alone. */
  verifyRun(request: StoredRunRequest): Promise<RunSummary>;
  /** Rebuilds one crash state of a saved run, recovers it and judges it. */
  replayState(request: ReplayRequest): Promise<CommandAnswer>;
  /** Writes reports of a saved run, from its events. */
  reportRun(request: ReportRequest): Promise<RunSummary>;
  /** Takes away what runs that died have left on the machine. */
  clean(): Promise<CleanReport>;
  /** What of this machine the rigs can use. */
  explainHost(): Promise<readonly HostCapability[]>;
  /** Which of the built-in engines can be tested with what is installed here. */
  explainEngines(): Promise<readonly EngineAvailability[]>;
}

export type EngineAvailability = Availability & { readonly name: string };

/** What a command prints, as JSON or as text, and what it exits with. */
export interface CommandAnswer {
  readonly exitCode: number;
  readonly answer: unknown;
  readonly text: string;
}

/** What every request carries. */
export interface RequestContext {
  /** The command line as typed, for the run directory. */
  readonly command: string;
  readonly toolVersion: string;
  readonly log: Logger;
  /** Aborted on SIGINT and SIGTERM: clean up, then throw HarnessError INTERRUPTED. */
  readonly interrupted: AbortSignal;
  /** For reporters. With --json it is standard error, so that the answer stands alone. */
  readonly terminal: Terminal;
}

export interface RunRequest extends RequestContext {
  readonly runId: string;
  /** Does not exist yet. */
  readonly runDirectory: string;
  readonly scenarios: readonly AnyReadyScenario[];
  readonly reporters: readonly ConfiguredPlugin<ReporterModule>[];
  readonly jobs: number;
  readonly showProgress: boolean;
  readonly stopOnFailure: boolean;
  /** A block device by its /dev/disk/by-id name; without it rig `device` makes a loop device. */
  readonly device: string | undefined;
  /** The same for the data device. */
  readonly dataDevice: string | undefined;
  /** For the log of dm-log-writes; without it a loop device is made. */
  readonly logDevice: string | undefined;
}

export interface StoredRunRequest extends RequestContext {
  readonly runDirectory: string;
  readonly reporters: readonly ConfiguredPlugin<ReporterModule>[];
  readonly jobs: number;
}

export interface ReplayRequest extends RequestContext {
  readonly runDirectory: string;
  /** The id of a crash state, as the run's failures name it. */
  readonly state: string;
}

export interface ReportRequest extends RequestContext {
  readonly runDirectory: string;
  readonly reporters: readonly ConfiguredPlugin<ReporterModule>[];
  /** Where the reports are written. */
  readonly outputDirectory: string;
}

export const services: CliServices = {
  runScenarios: runScenarios,
  verifyRun: verifyStoredRun,
  replayState: replayStoredState,
  reportRun: reportStoredRun,
  clean: () => cleanLeftovers(),
  explainHost: async () => {
    const host = probeHost();
    return [...(await host.explain()), ...explainVm(host)];
  },
  explainEngines: () => explainEngines(probeHost()),
};

async function explainEngines(host: Host): Promise<readonly EngineAvailability[]> {
  return await Promise.all(
    builtInNames('engine').map(async (name) => {
      const { plugin } = await loadPlugin('engine', name, import.meta.dirname);
      return { name, ...(await plugin.probe(host)) };
    }),
  );
}

async function runScenarios(request: RunRequest): Promise<RunSummary> {
  const host = probeHost();
  return runCells({
    ...request,
    cells: request.scenarios,
    directory: RunDirectory.create(request.runDirectory),
    devicePath: request.device,
    dataDevicePath: request.dataDevice,
    logDevicePath: request.logDevice,
    signal: request.interrupted,
    host: await collectHostFacts(),
    formatScenario,
    whyNot: (ready) => whyNotHere(ready, host),
  });
}

async function verifyStoredRun(request: StoredRunRequest): Promise<RunSummary> {
  const directory = RunDirectory.open(request.runDirectory);
  // Judging again writes nothing: what the run stored stays as it is.
  const hub = new ReporterHub(request.reporters, noFiles, request.terminal);
  const summary = await verifyRun({
    directory,
    jobs: request.jobs,
    command: request.command,
    locate: locateHere,
    signal: request.interrupted,
    emit: (event) => {
      hub.onEvent(event);
    },
  });
  await hub.onEnd(summary);
  return withReporterProblems(summary, hub.problems);
}

async function replayStoredState(request: ReplayRequest): Promise<CommandAnswer> {
  const replay = await replayState(
    RunDirectory.open(request.runDirectory),
    request.state,
    locateHere,
  );
  return {
    exitCode: replay.judged.outcome === 'violated' ? exitCodes.durabilityFailure : exitCodes.pass,
    answer: { cell: replay.cell, ...replay.judged, failures: replay.failures },
    text: formatReplay(replay),
  };
}

/** Built-in plug-ins are where this tool is; others where they were. */
function locateHere({ scenario, sources }: SavedScenario): PluginSources {
  const here = (kind: PluginKind, use: string, saved: string): string =>
    builtInUrl(kind, use)?.href ?? saved;
  return {
    engine: here('engine', scenario.engine.use, sources.engine),
    workload: here('workload', scenario.workload.use, sources.workload),
    faults: sources.faults.map((url, index) => here('fault', scenario.faults[index]!.use, url)),
    verifiers: sources.verifiers.map((url, index) =>
      here('verifier', scenario.verifiers[index]!, url),
    ),
  };
}

async function reportStoredRun(request: ReportRequest): Promise<RunSummary> {
  const directory = RunDirectory.open(request.runDirectory);
  const hub = new ReporterHub(
    request.reporters,
    reportFolder(request, directory),
    request.terminal,
  );
  for (const event of directory.loadEvents()) hub.onEvent(event);
  const summary = directory.loadSummary();
  await hub.onEnd(summary);
  return withReporterProblems(summary, hub.problems);
}

/** The run directory keeps account of the reports in it; elsewhere they are only written. */
function reportFolder(
  { runDirectory, outputDirectory }: ReportRequest,
  directory: RunDirectory,
): Pick<RunDirectory, 'writeFile'> {
  if (outputDirectory === runDirectory) return directory;
  return {
    writeFile: (name, content) => {
      const target = path.join(outputDirectory, name);
      writeWholeFile(target, content);
      return target;
    },
  };
}

const noFiles = {
  writeFile: (name: string): never => {
    throw new HarnessError('UNAVAILABLE', `judging again writes no ${name}`);
  },
};

type ProbedHost = ReturnType<typeof probeHost>;

/** Why a scenario cannot run on this machine; undefined where it can. */
async function whyNotHere(ready: AnyReadyScenario, host: ProbedHost): Promise<string | undefined> {
  // What the plug-ins need is asked for in the guest, by the program that runs there.
  if (ready.scenario.rig === 'vm') return whyNoGuest(host) ?? (await whyNoMounts(ready, host));
  const plugins = [ready.engine, ...ready.faults.map(({ module }) => module)];
  for (const plugin of plugins) {
    const availability = await plugin.probe(host);
    if (!availability.available) return `${plugin.name}: ${availability.reason}`;
  }
  return await whatLacks(ready.scenario.rig, host);
}

async function whatLacks(rig: RigName, host: ProbedHost): Promise<string | undefined> {
  const missing = (await host.explain()).find((one) => !one.available && one.rigs.includes(rig));
  return missing && `rig ${rig}: ${missing.name}: ${missing.reason}; ${missing.fix}`;
}

/** The files of a machine that was killed are looked at here, where its crash states are mounted. */
async function whyNoMounts(ready: AnyReadyScenario, host: ProbedHost): Promise<string | undefined> {
  if (!isFileScenario(ready) || !losesCache(ready.scenario)) return undefined;
  const engine = await ready.engine.probe(host);
  if (!engine.available) return `${ready.engine.name}: ${engine.reason}`;
  return await whatLacks('fuse', host);
}

function whyNoGuest(host: Host): string | undefined {
  const availability = probeVm(host);
  return availability.available ? undefined : availability.reason;
}
