import type { Failure } from '../contract/index.ts';
import type { CellAccount } from './cell-account.ts';
import { explainFailures } from './explain-failure.ts';
import type { Exploration } from './explore-pool.ts';
import type { RoundExplorer } from './explore-round.ts';
import { judgeLive } from './judge-live.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { promiseToJudgeBy } from './promise-in-force.ts';
import { recordRound, type RoundRecord } from './record-round.ts';
import { gapsOf } from './round-gaps.ts';
import { saveRound } from './saved-round.ts';
import type { CellContext, Deadline } from './run-scenario.ts';

/** Where the evidence of a round comes from: recorded now, or loaded from a run directory. */
export type RoundSource = (round: number) => Promise<RoundRecord>;

/**
 * A scenario on the twin. Each round: drive the workload with the faults armed, save the evidence,
 * explore the crash states, add them up. At the end the worst failures are looked up and explained.
 */
export async function runOnTwin(
  ready: ReadyScenario,
  context: CellContext,
  account: CellAccount,
  deadline: Deadline,
): Promise<readonly Failure[]> {
  return judgeRounds(ready, context, account, deadline, async (round) => {
    const record = await recordRound(ready, round);
    if (context.directory !== undefined) saveRound(context.directory, context.id, record);
    for (const firing of record.firings)
      context.emit({ type: 'fault-fired', cell: context.id, firing });
    return record;
  });
}

export async function judgeRounds(
  ready: ReadyScenario,
  context: CellContext,
  account: CellAccount,
  deadline: Deadline,
  source: RoundSource,
  rounds = ready.scenario.explore.rounds,
): Promise<readonly Failure[]> {
  const explorers: RoundExplorer[] = [];
  for (let round = 0; round < rounds; round++) {
    const stopped = deadline();
    if (stopped !== undefined) {
      account.gaps.add(stopped);
      break;
    }
    const record = await source(round);
    const exploration = await exploreRound(ready, record, context, deadline);
    addRound(ready, account, record, exploration);
    for (const gap of gapsOf(record, ready.scenario.limits.queueDepth)) account.gaps.add(gap);
    if (!exploration.complete) account.gaps.add(deadline() ?? 'exploration stopped early');
    explorers.push(exploration.explorer);
  }
  return explainFailures(explorers, account.tally.worst(), context);
}

export function roundBudget(ready: ReadyScenario): { states: number; nestedStates: number } {
  const { rounds, states, nestedStates } = ready.scenario.explore;
  return {
    states: Math.floor(states / rounds),
    nestedStates: Math.floor(nestedStates / rounds),
  };
}

async function exploreRound(
  ready: ReadyScenario,
  record: RoundRecord,
  context: CellContext,
  deadline: Deadline,
): Promise<Exploration> {
  const { rounds } = ready.scenario.explore;
  return context.pool.explore(ready, record, roundBudget(ready), {
    onProgress: (done, total) => {
      context.emit({
        type: 'progress',
        cell: context.id,
        phase: 'explore',
        done: record.round * total + done,
        total: rounds * total,
      });
    },
    shouldStop: () => deadline() !== undefined,
  });
}

function addRound(
  ready: ReadyScenario,
  account: CellAccount,
  record: RoundRecord,
  { explorer, coverage, judged }: Exploration,
): void {
  account.addRound({
    outcomes: record.outcomes,
    latency: record.latency,
    amplification: record.amplification,
    engineFacts: record.engineFacts,
    firings: record.firings,
    coverage: coverage.map((interval) => ({ round: record.round, ...interval })),
    promise: promiseToJudgeBy(ready.scenario, explorer.contract, record.firings),
    contract: explorer.contract,
  });
  for (const state of judgeLive(explorer, record)) account.addState(state);
  for (const state of judged) account.addState(state);
}
