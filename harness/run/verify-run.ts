/**
 * Judges a saved run again from its directory alone. Evidence that is damaged or missing makes the
 * cell inconclusive, and so does a verdict that comes out otherwise than the stored one.
 */
import {
  HarnessError,
  nounFor,
  type CellResult,
  type Failure,
  type RunEvent,
  type RunSummary,
} from '../contract/index.ts';
import { decodeLedger } from '../ledger/ledger-file.ts';
import { CellAccount } from './cell-account.ts';
import { createExplorePool, type ExplorePool } from './explore-pool.ts';
import { isEmptyCell } from './empty-cell.ts';
import type { FileRoundRecord } from './files/file-round.ts';
import { loadFileRound } from './files/saved-file-round.ts';
import {
  isFileScenario,
  loadAnySources,
  type AnyReadyScenario,
  type ReadyFileScenario,
  type ReadyScenario,
} from './plugin-sources.ts';
import { promiseToJudgeBy } from './promise-in-force.ts';
import { hasHistory } from './real-crashes.ts';
import { whereTheyWere, type LocatePlugins, type RunDirectory } from './run-directory.ts';
import type { RoundRecord } from './record-round.ts';
import type { CellContext, Deadline } from './run-scenario.ts';
import { judgeRounds } from './run-on-twin.ts';
import { geometriesOfKill, judgeKill, loadKill } from './saved-kill.ts';
import { outcomesOf } from './outcome-counts.ts';
import { loadRound } from './saved-round.ts';
import { summariseRun } from './summarise-run.ts';

export interface VerifyOptions {
  readonly directory: RunDirectory;
  readonly jobs: number;
  readonly signal: AbortSignal;
  readonly command: string;
  readonly locate?: LocatePlugins;
  emit(event: RunEvent): void;
}

export async function verifyRun(options: VerifyOptions): Promise<RunSummary> {
  const startedMs = performance.now();
  const stored = options.directory.loadSummary();
  await using pool = createExplorePool(options.jobs);
  const cells: CellResult[] = [];
  for (const id of stored.expectedCells) {
    if (options.signal.aborted) break;
    const result = await verifyCell(id, options, pool);
    options.emit({ type: 'cell-finished', cell: id, result });
    cells.push(result);
  }
  return summariseRun(
    {
      ...stored,
      command: options.command,
      tookMs: Math.round(performance.now() - startedMs),
    },
    cells,
    options.signal,
  );
}

async function verifyCell(
  id: string,
  options: VerifyOptions,
  pool: ExplorePool,
): Promise<CellResult> {
  const stored = options.directory.loadResult(id);
  const { status } = stored.verdict;
  if (status === 'skip' || status === 'error' || isEmptyCell(stored)) return stored;
  try {
    const { result, states } = await judgeAgain(stored, options, pool);
    const storedStates = options.directory.loadEvidence(id, 'states.jsonl').toString('utf8');
    return compare(stored, result, states === storedStates);
  } catch (error) {
    // What nobody foresaw is a defect of the harness or of a plug-in: it is shown with its stack.
    const unforeseen = error instanceof Error && !(error instanceof HarnessError);
    return unclear(stored, unforeseen ? (error.stack ?? error.message) : String(error));
  }
}

async function judgeAgain(
  stored: CellResult,
  options: VerifyOptions,
  pool: ExplorePool,
): Promise<JudgedAgain> {
  const { id } = stored;
  const { directory, signal } = options;
  const saved = directory.loadScenario(id);
  const ready = await loadAnySources(saved.scenario, (options.locate ?? whereTheyWere)(saved));
  const account = new CellAccount(ready);
  const context: CellContext = {
    id,
    pool,
    directory,
    signal,
    emit: (event) => {
      options.emit(event);
    },
    jobs: options.jobs,
    now: () => performance.now(),
  };
  const startedMs = context.now();
  if (!hasHistory(saved.scenario) && !isFileScenario(ready)) {
    judgeKillsAgain(ready, directory, id, account);
    return {
      result: account.result(id, [], context.now() - startedMs),
      states: account.stateLog(),
    };
  }
  const deadline = (): string | undefined => (signal.aborted ? 'interrupted' : undefined);
  const { rounds } = stored.counts;
  if (rounds < saved.scenario.explore.rounds) {
    account.gaps.add(`the run had stopped after ${rounds} ${nounFor(rounds, 'round')}`);
  }
  const failures = await judgeSavedRounds(ready, context, account, deadline, rounds);
  const result = account.result(id, failures, context.now() - startedMs);
  return { result, states: account.stateLog() };
}

async function* loadFileRounds(
  directory: RunDirectory,
  id: string,
  rounds: number,
): AsyncGenerator<FileRoundRecord> {
  for (let round = 0; round < rounds; round++) yield loadFileRound(directory, id, round);
}

async function judgeSavedRounds(
  ready: AnyReadyScenario,
  context: CellContext,
  account: CellAccount,
  deadline: Deadline,
  rounds: number,
): Promise<readonly Failure[]> {
  const { id } = context;
  const directory = context.directory!;
  if (isFileScenario(ready)) {
    if (isCutScenario(ready)) {
      const { judgeSavedCuts } = await import('./files/run-files-on-device.ts');
      return judgeSavedCuts(ready, context, account, rounds);
    }
    const { judgeFileRounds } = await import('./files/run-files.ts');
    return judgeFileRounds(
      ready,
      context,
      account,
      deadline,
      loadFileRounds(directory, id, rounds),
    );
  }
  const source = async (round: number): Promise<RoundRecord> => loadRound(directory, id, round);
  return judgeRounds(ready, context, account, deadline, source, rounds);
}

/** dm-flakey leaves one state a round, and dm-log-writes a log of many. */
function isCutScenario({ faults }: ReadyFileScenario): boolean {
  return faults.some(({ module }) => module.name === 'dm-flakey');
}

interface JudgedAgain {
  readonly result: CellResult;
  /** As `states.jsonl` has them. */
  readonly states: string;
}

function judgeKillsAgain(
  ready: ReadyScenario,
  directory: RunDirectory,
  id: string,
  account: CellAccount,
): void {
  const ledger = decodeLedger(directory.loadEvidence(id, 'round-0.ledger'));
  const firings = ledger.marks.flatMap(({ mark }) => (mark.kind === 'fault' ? [mark.firing] : []));
  for (let round = 0; round < ready.scenario.explore.rounds; round++) {
    const kill = loadKill(directory, id, round);
    const contract = ready.engine.contractFor(ready.engineConfig, geometriesOfKill(kill));
    account.addState(judgeKill(ready, ledger, kill));
    account.addRound({
      outcomes: round === 0 ? outcomesOf(ledger) : noOutcomes,
      latency: undefined,
      amplification: undefined,
      engineFacts: undefined,
      firings: firings.slice(round, round + 1),
      coverage: [],
      promise: promiseToJudgeBy(ready.scenario, contract, firings),
      contract,
    });
  }
}

const noOutcomes = { invoked: 0, acknowledged: 0, changes: 0, rejected: 0, indeterminate: 0 };

/** What was measured while it ran cannot be measured again: it is taken over, the verdict is not. */
function compare(stored: CellResult, again: CellResult, sameStates: boolean): CellResult {
  const { latency, writeAmplification, engineFacts } = stored;
  const result = { ...again, latency, writeAmplification, engineFacts };
  const same =
    again.verdict.status === stored.verdict.status &&
    again.counts.violations === stored.counts.violations;
  if (same && sameStates) return result;
  // A failure outranks whatever else differs.
  if (again.verdict.status === 'fail') return result;
  const difference = same
    ? 'its crash states came out otherwise than states.jsonl has them'
    : `it is ${describe(again)}, but the run stored ${describe(stored)}`;
  return unclear(result, `judged again ${difference}`);
}

function describe({ verdict, counts }: CellResult): string {
  return `${verdict.status} with ${counts.violations} ${nounFor(counts.violations, 'violation')}`;
}

function unclear(result: CellResult, reason: string): CellResult {
  return { ...result, verdict: { status: 'inconclusive', reason }, expectationMet: false };
}
