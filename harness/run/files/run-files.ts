/**
 * A scenario of a file system on the twin under the kernel. Each round: make and mount it, drive the
 * workload, save the evidence, mount the crash states and judge what is in them.
 */
import * as os from 'node:os';
import type {
  Failure,
  FileSystemContract,
  PromisedDurability,
  Scenario,
} from '../../contract/index.ts';
import type { History } from '../../drive/history.ts';
import type { CellAccount } from '../cell-account.ts';
import type { ExploreBudget } from '../explore-round.ts';
import type { ReadyFileScenario } from '../plugin-sources.ts';
import { promiseToJudgeBy } from '../promise-in-force.ts';
import { ResourceLedger } from '../resources.ts';
import type { CellContext, Deadline } from '../run-scenario.ts';
import { TimeLimit } from '../time-limit.ts';
import { explainFileFailures } from './explain-file-failures.ts';
import { FileExplorer } from './file-explorer.ts';
import { fileOutcomesOf, gapsOfFiles } from './file-outcomes.ts';
import type { FileRoundRecord } from './file-round.ts';
import { MountPool, type FileExploration, type RecordedRecovery } from './mount-pool.ts';
import { recordFiles } from './record-files.ts';
import { recordRecovery } from './recorded-recovery.ts';
import { saveFileRound, saveRecovery } from './saved-file-round.ts';

export async function runFiles(
  ready: ReadyFileScenario,
  context: CellContext,
  account: CellAccount,
  deadline: Deadline,
): Promise<readonly Failure[]> {
  await using resources = ResourceLedger.open();
  const records = recordRounds(ready, context, deadline, resources);
  return await judgeFileRounds(ready, context, account, deadline, records);
}

async function* recordRounds(
  ready: ReadyFileScenario,
  context: CellContext,
  deadline: Deadline,
  resources: ResourceLedger,
): AsyncGenerator<FileRoundRecord> {
  const { limits, explore } = ready.scenario;
  using limit = new TimeLimit(context.signal, limits.durationMs);
  const onProgress = (done: number, total: number): void => {
    context.emit({ type: 'progress', cell: context.id, phase: 'workload', done, total });
  };
  for (let round = 0; round < explore.rounds && deadline() === undefined; round++) {
    const record = await recordFiles({ ready, round, resources, stop: limit.signal, onProgress });
    if (context.directory !== undefined) saveFileRound(context.directory, context.id, record);
    for (const firing of record.firings)
      context.emit({ type: 'fault-fired', cell: context.id, firing });
    yield record;
  }
}

/** Judges rounds as they come, recorded now or loaded from a run directory. */
export async function judgeFileRounds(
  ready: ReadyFileScenario,
  context: CellContext,
  account: CellAccount,
  deadline: Deadline,
  records: AsyncIterable<FileRoundRecord>,
): Promise<readonly Failure[]> {
  await using pool = new MountPool(context.jobs ?? os.availableParallelism());
  const explorers: FileExplorer[] = [];
  const { rounds } = ready.scenario.explore;
  const budget = roundBudgetOf(ready.scenario);
  for await (const record of records) {
    const explorer = new FileExplorer(ready, record, budget);
    explorers.push(explorer);
    const explore = (): Promise<FileExploration> =>
      pool.explore(ready, record, budget, {
        onProgress: (done, total) => {
          const phase = 'explore';
          const ofAll = { done: record.round * total + done, total: rounds * total };
          context.emit({ type: 'progress', cell: context.id, phase, ...ofAll });
        },
        shouldStop: () => deadline() !== undefined,
      });
    const exploration = deadline() === undefined ? await explore() : nothingExplored;
    addRound(explorer, account, record, exploration);
    const recoveries = await recoveriesOf(explorer, record, context, deadline);
    const nested = await pool.exploreNested(recoveries, {
      onProgress: () => undefined,
      shouldStop: () => deadline() !== undefined,
    });
    for (const state of nested.judged) account.addState(state);
    const isComplete = exploration.complete && nested.complete;
    if (!isComplete) account.gaps.add(deadline() ?? 'exploration stopped early');
  }
  const stopped = deadline();
  if (stopped !== undefined) account.gaps.add(stopped);
  if (explorers.length === 0) account.gaps.add('no round was recorded');
  return explainFileFailures(explorers, account.tally.worst(), context);
}

/** Where the run must end: threads would be started, and states planned, for nothing. */
const nothingExplored: FileExploration = {
  planned: { states: 0, coverage: [] },
  judged: [],
  complete: false,
};

/** Those on record, or recorded now: on the twin, whatever the round was recorded on. */
async function recoveriesOf(
  explorer: FileExplorer,
  record: FileRoundRecord,
  { directory, id }: CellContext,
  deadline: Deadline,
): Promise<readonly RecordedRecovery[]> {
  if (deadline() !== undefined) return [];
  const recoveries: RecordedRecovery[] = [];
  const { round } = record;
  for (const { parent, states } of explorer.nestedTasks) {
    if (deadline() !== undefined) break;
    const recovery = await recoveryOf(explorer, record, parent);
    if (recovery === undefined) continue;
    recoveries.push({ parent, states, recovery });
    if (directory === undefined || record.recoveryOf !== undefined) continue;
    saveRecovery(directory, id, { round, state: parent, recovery });
  }
  return recoveries;
}

async function recoveryOf(
  explorer: FileExplorer,
  record: FileRoundRecord,
  parent: number,
): Promise<History | undefined> {
  if (record.recoveryOf !== undefined) return record.recoveryOf(parent);
  await using resources = ResourceLedger.open();
  return await recordRecovery(explorer, parent, resources);
}

export function roundBudgetOf({
  explore: { rounds, states, nestedStates },
}: Scenario): ExploreBudget {
  return {
    states: Math.floor(states / rounds),
    nestedStates: Math.floor(nestedStates / rounds),
  };
}

function addRound(
  { ready, contract }: FileExplorer,
  account: CellAccount,
  record: FileRoundRecord,
  { planned, judged }: FileExploration,
): void {
  const outcomes = fileOutcomesOf(record.ledger);
  account.addRound({
    outcomes,
    latency: undefined,
    amplification: undefined,
    engineFacts: record.engineFacts,
    firings: record.firings,
    coverage: planned.coverage.map((interval) => ({ round: record.round, ...interval })),
    promise: promiseToJudgeBy(ready.scenario, contract, record.firings),
    contract: promisedDurability(contract),
  });
  for (const state of judged) account.addState(state);
  if (record.gap !== undefined) account.gaps.add(record.gap);
  for (const gap of gapsOfFiles(record.ledger)) account.gaps.add(gap);
}

/** What a contract of files comes to in the words that reports have for every engine. */
export function promisedDurability(contract: FileSystemContract): PromisedDurability {
  return {
    durableWhen: contract.writesAreDurable ? 'acknowledged' : 'flushed',
    atomicUnit: 'block',
    ordering: contract.namespaceOrder === 'prefix' ? 'prefix' : 'none',
    unflushedContents: contract.unsyncedData,
  };
}
