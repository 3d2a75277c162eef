/**
 * The cells of rig `vm` but those that kill it (run-on-killed-machine.ts): all of a run are carried out
 * in one guest, by this same program, on drives of the guest's own. What it concluded, and the evidence
 * for it, is brought back into the run directory.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  HarnessError,
  type CellResult,
  type DeviceGeometry,
  type Scenario,
} from '../../contract/index.ts';
import { prepareGuest } from '../../rigs/vm/guest-image.ts';
import type { GuestFacts } from '../../rigs/vm/guest.ts';
import { serialOf, type GuestDrive } from '../../rigs/vm/qemu-arguments.ts';
import { guestConsoleFile, runInGuest } from '../../rigs/vm/run-in-guest.ts';
import type { AnyReadyScenario } from '../plugin-sources.ts';
import { killsMachine, logFault } from '../real-crashes.ts';
import { ResourceLedger } from '../resources.ts';
import { RunDirectory } from '../run-directory.ts';
import { makeDrive } from './guest-drives.ts';

export interface GuestCellsOptions {
  readonly directory: RunDirectory;
  readonly signal: AbortSignal;
  formatScenario(scenario: Scenario): string;
  /** What is under way, and what the program in the guest says. */
  onLine(line: string): void;
}

/** Of the program in the guest: beside the cells of the run that it is a part of. */
const guestFolder = 'guest';

/** Whoever kills the machine is not inside of it. */
export function isOfGuest(ready: AnyReadyScenario): boolean {
  return ready.scenario.rig === 'vm' && !killsMachine(ready);
}

export class GuestCells {
  readonly #cells: readonly AnyReadyScenario[];
  readonly #options: GuestCellsOptions;
  #run: Promise<GuestRun> | undefined;

  constructor(cells: readonly AnyReadyScenario[], options: GuestCellsOptions) {
    this.#cells = cells.filter((ready) => isOfGuest(ready));
    this.#options = options;
  }

  /**
   * The result of one of the cells; the first that is asked for runs them all. Throws UNAVAILABLE where
   * the guest did not come up, or gave no result for the cell. What it concluded before it failed counts.
   */
  async result({ scenario }: AnyReadyScenario): Promise<CellResult> {
    this.#run ??= runCellsInGuest(this.#cells, this.#options);
    return bringBack(scenario.name, await this.#run, this.#options.directory);
  }
}

interface GuestRun {
  readonly directory: RunDirectory | undefined;
  /** Undefined where no guest came up. */
  readonly facts: GuestFacts | undefined;
  readonly lastLines: readonly string[];
  /** Why the run in it did not come to its end. */
  readonly failure: Error | undefined;
}

async function runCellsInGuest(
  cells: readonly AnyReadyScenario[],
  { directory, signal, ...options }: GuestCellsOptions,
): Promise<GuestRun> {
  await using resources = ResourceLedger.open();
  const image = await prepareGuest({ resources }, (text) => {
    options.onLine(text);
  });
  const runDirectory = path.join(path.resolve(directory.path), guestFolder);
  const files = writeScenarios(cells, runDirectory, (scenario) => options.formatScenario(scenario));
  const scenarios = cells.map(({ scenario }) => scenario);
  const lastLines: string[] = [];
  let facts: GuestFacts | undefined;
  let failure: Error | undefined;
  const running = runInGuest(image, {
    resources,
    signal,
    program: [process.execPath, ...process.execArgv, mainModule()],
    workingDirectory: process.cwd(),
    runDirectory,
    withinMs: longestRunMs(scenarios),
    drives: makeDrives(scenarios, resources.makeDirectory('drives')),
    argumentsFor: (booted) => {
      facts = booted;
      return [
        ...['run', ...files, '--out', path.join(runDirectory, 'run')],
        ...['--reporter', 'json', '--no-progress'],
        ...deviceFlags(Object.keys(booted.drives)),
      ];
    },
    onLine: (line) => {
      lastLines.push(line);
      if (lastLines.length > linesKept) lastLines.shift();
      options.onLine(line);
    },
  });
  await running.catch((error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error));
  });
  return { directory: openRun(path.join(runDirectory, 'run')), facts, lastLines, failure };
}

/** Each scenario ends by itself at its time limit, give or take what is under way then; starting takes its time too. */
function longestRunMs(scenarios: readonly Scenario[]): number {
  const limits = scenarios.map(({ limits: { durationMs } }) => 2 * durationMs);
  return limits.reduce((sum, limitMs) => sum + limitMs, startMsMax);
}

const startMsMax = 300_000;

/** What a program says last tells why it gave no result. */
const linesKept = 5;

/** The command line's own module: the guest sees the files of this machine. */
function mainModule(): string {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../../cli/main.${ending}`, import.meta.url));
}

/** In the guest the drive is a device like any other. */
function writeScenarios(
  cells: readonly AnyReadyScenario[],
  runDirectory: string,
  formatScenario: (scenario: Scenario) => string,
): readonly string[] {
  const folder = path.join(runDirectory, 'scenarios');
  fs.mkdirSync(folder, { recursive: true });
  return cells.map(({ scenario }) => {
    const file = path.join(folder, `${scenario.name}.yaml`);
    fs.writeFileSync(file, formatScenario({ ...scenario, rig: 'device' }));
    return file;
  });
}

/** The largest that any of the scenarios wants; what none wants is not there. */
function makeDrives(scenarios: readonly Scenario[], folder: string): readonly GuestDrive[] {
  const main = largest(scenarios.map(({ device }) => device));
  const data = largest(scenarios.flatMap(({ dataDevice }) => dataDevice ?? []));
  const logged = scenarios.filter(({ faults }) => faults.some(({ use }) => use === logFault));
  const log = largest(logged.map(({ device }) => device));
  const wanted = { main, data, log: log * logBytesPerDeviceByte };
  return Object.entries(wanted).flatMap(([name, byteCount]) =>
    byteCount === 0 ? [] : [makeDrive(name, byteCount, folder)],
  );
}

const logBytesPerDeviceByte = 4;

function largest(geometries: readonly DeviceGeometry[]): number {
  return Math.max(
    0,
    ...geometries.map(
      ({ logicalBlockBytes, capacityBlocks }) => logicalBlockBytes * capacityBlocks,
    ),
  );
}

const flags = { main: '--device', data: '--data-device', log: '--log-device' } as const;

/** By the names that stay with a drive, as a user has to name one. */
function deviceFlags(names: readonly string[]): readonly string[] {
  return Object.entries(flags).flatMap(([name, flag]) =>
    names.includes(name) ? [flag, `/dev/disk/by-id/${serialOf({ name })}`] : [],
  );
}

function openRun(directory: string): RunDirectory | undefined {
  return fs.existsSync(path.join(directory, 'cells')) ? RunDirectory.open(directory) : undefined;
}

/** Takes the evidence over, byte for byte, and says of the scenario what it is: one of rig vm. */
function bringBack(cell: string, run: GuestRun, directory: RunDirectory): CellResult {
  const found = run.directory;
  if (run.facts === undefined || found?.hasResult(cell) !== true) {
    if (run.failure !== undefined) throw run.failure;
    throw new HarnessError(
      'UNAVAILABLE',
      `the guest gave no result of ${cell}: ${run.lastLines.join(' / ') || 'it said nothing'} (${guestFolder}/${guestConsoleFile} has its console)`,
    );
  }
  const result = found.loadResult(cell);
  for (const name of found.evidenceNames(cell)) {
    directory.saveEvidence(cell, name, found.loadEvidence(cell, name));
  }
  // A cell that could not be begun has none.
  if (found.hasScenario(cell)) {
    const saved = found.loadScenario(cell);
    directory.saveScenario(cell, { ...saved, scenario: inVm(saved.scenario) });
  }
  return {
    ...result,
    scenario: inVm(result.scenario),
    engineFacts: { ...result.engineFacts, ...guestFacts(run.facts) },
  };
}

function inVm(scenario: Scenario): Scenario {
  return { ...scenario, rig: 'vm' };
}

function guestFacts(facts: GuestFacts): NonNullable<CellResult['engineFacts']> {
  return {
    guestAccelerator: [facts.accelerator],
    guestBootMs: [Math.round(facts.bootMs)],
    guestKernel: [facts.kernelRelease],
  };
}
