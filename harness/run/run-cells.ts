import type { CellResult, HostFacts, RunEvent, RunSummary, Scenario } from '../contract/index.ts';
import { HarnessError } from '../contract/index.ts';
import { effectiveVerdict } from '../verify/merge-verdicts.ts';
import { emptyCell, type EmptyVerdict } from './empty-cell.ts';
import { createExplorePool } from './explore-pool.ts';
import type { AnyReadyScenario } from './plugin-sources.ts';
import {
  ReporterHub,
  withReporterProblems,
  type ConfiguredReporter,
  type Terminal,
} from './reporter-hub.ts';
import type { RunDirectory } from './run-directory.ts';
import { runScenario, type CellContext } from './run-scenario.ts';
import { GuestCells, isOfGuest } from './vm/guest-cells.ts';
import { summariseRun } from './summarise-run.ts';

export interface RunOptions {
  readonly runId: string;
  readonly command: string;
  readonly toolVersion: string;
  readonly directory: RunDirectory;
  readonly cells: readonly AnyReadyScenario[];
  readonly reporters: readonly ConfiguredReporter[];
  readonly terminal: Terminal;
  readonly jobs: number;
  readonly stopOnFailure: boolean;
  readonly signal: AbortSignal;
  readonly host: HostFacts;
  /** A device named by the user, for rig `device`. */
  readonly devicePath: string | undefined;
  /** And one for the data device of those scenarios that have one. */
  readonly dataDevicePath?: string | undefined;
  /** And one for the log of dm-log-writes. */
  readonly logDevicePath?: string | undefined;
  /** See CellContext. */
  formatScenario?(scenario: Scenario): string;
  /** Why a scenario cannot run on this machine; undefined where it can. */
  whyNot(ready: AnyReadyScenario): Promise<string | undefined>;
}

/** Runs the scenarios one after another, each on all cores, and reports. */
export async function runCells(options: RunOptions): Promise<RunSummary> {
  const startedAt = new Date();
  const expectedCells = options.cells.map(({ scenario }) => scenario.name);
  const hub = new ReporterHub(options.reporters, options.directory, options.terminal);
  const emit = (event: RunEvent): void => {
    const isOfTheMoment = event.type === 'progress' || event.type === 'note';
    if (!isOfTheMoment) options.directory.appendEvent(event);
    hub.onEvent(event);
  };
  emit({ type: 'run-started', runId: options.runId, cells: expectedCells });
  const { results, devices } = await runAll(options, emit);
  const summary = withReporterProblems(
    summariseRun(
      {
        runId: options.runId,
        toolVersion: options.toolVersion,
        startedAt: startedAt.toISOString(),
        tookMs: Date.now() - startedAt.getTime(),
        command: options.command,
        seed: options.cells[0]?.scenario.seed ?? 0,
        host: { ...options.host, ...devices },
        expectedCells,
      },
      results,
      options.signal,
    ),
    hub.problems,
  );
  options.directory.saveSummary(summary);
  emit({ type: 'run-finished', summary });
  options.directory.endEvents();
  await hub.onEnd(summary);
  const final = withReporterProblems(summary, hub.problems);
  if (final.exitCode !== summary.exitCode) options.directory.saveSummary(final);
  return final;
}

interface CellsRun {
  readonly results: readonly CellResult[];
  /** Facts of the last real devices that were opened. */
  readonly devices: Pick<HostFacts, 'device' | 'dataDevice'>;
}

async function runAll(options: RunOptions, emit: (event: RunEvent) => void): Promise<CellsRun> {
  await using pool = createExplorePool(options.jobs);
  const guests = new GuestCells(options.cells, {
    directory: options.directory,
    signal: options.signal,
    formatScenario: (scenario) => options.formatScenario!(scenario),
    onLine: (line) => {
      emit({ type: 'note', text: line });
    },
  });
  const results: CellResult[] = [];
  let devices: CellsRun['devices'] = {};
  for (const ready of options.cells) {
    if (options.signal.aborted) break;
    const result = await runCell(ready, options, guests, {
      id: ready.scenario.name,
      pool,
      jobs: options.jobs,
      directory: options.directory,
      signal: options.signal,
      emit,
      noteDevices: (device, dataDevice) => {
        devices = { device, ...(dataDevice && { dataDevice }) };
      },
      now: () => performance.now(),
      ...(options.formatScenario === undefined
        ? {}
        : { formatScenario: (scenario) => options.formatScenario!(scenario) }),
      ...(options.devicePath === undefined ? {} : { devicePath: options.devicePath }),
      ...(options.dataDevicePath && { dataDevicePath: options.dataDevicePath }),
      ...(options.logDevicePath && { logDevicePath: options.logDevicePath }),
    });
    results.push(result);
    if (options.stopOnFailure && effectiveVerdict(result).status === 'fail') break;
  }
  return { results, devices };
}

/** One cell that breaks does not take the others with it: it is reported as an error. */
async function runCell(
  ready: AnyReadyScenario,
  options: Pick<RunOptions, 'whyNot'>,
  guests: GuestCells,
  context: CellContext,
): Promise<CellResult> {
  try {
    const reason = await options.whyNot(ready);
    if (reason !== undefined) return concludeEmpty(ready, { status: 'skip', reason }, context);
    if (isOfGuest(ready)) return await runInGuest(ready, guests, context);
    return await runScenario(ready, context);
  } catch (error) {
    if (error instanceof HarnessError && error.code === 'DEVICE_REFUSED') throw error;
    return concludeEmpty(ready, verdictOfError(error, ready, context.signal), context);
  }
}

async function runInGuest(
  ready: AnyReadyScenario,
  guests: GuestCells,
  context: CellContext,
): Promise<CellResult> {
  context.emit({ type: 'cell-started', cell: context.id, scenario: ready.scenario });
  const result = await guests.result(ready);
  context.directory?.saveResult(result);
  context.emit({ type: 'cell-finished', cell: context.id, result });
  return result;
}

function concludeEmpty(
  ready: AnyReadyScenario,
  verdict: EmptyVerdict,
  context: CellContext,
): CellResult {
  const result = emptyCell(ready, verdict);
  context.directory?.saveResult(result);
  context.emit({ type: 'cell-finished', cell: result.id, result });
  return result;
}

/** What nobody foresaw is shown with its stack: it is a defect of the harness or of a plug-in. */
function verdictOfError(
  error: unknown,
  ready: AnyReadyScenario,
  interrupted: AbortSignal,
): EmptyVerdict {
  if (interrupted.aborted) return { status: 'inconclusive', reason: 'interrupted' };
  if (isShortage(error, ready)) return { status: 'inconclusive', reason: error.message };
  const unforeseen = error instanceof Error && !(error instanceof HarnessError);
  const reason = unforeseen ? (error.stack ?? error.message) : String(error);
  return { status: 'error', reason };
}

/** What the machine or the guest was too small for, or a guest that did not live: nobody's defect. */
function isShortage(error: unknown, { scenario }: AnyReadyScenario): error is HarnessError {
  if (!(error instanceof HarnessError)) return false;
  const { code } = error;
  return code === 'LIMIT_EXCEEDED' || (code === 'UNAVAILABLE' && scenario.rig === 'vm');
}
