/** Body of an exploring thread: holds one round at a time and works off the tasks it is sent. */
import type { Scenario } from '../contract/index.ts';
import type { CrashPlan } from '../drive/crash-states.ts';
import { decodeHistory } from '../drive/history-file.ts';
import { decodeLedger } from '../ledger/ledger-file.ts';
import { RoundExplorer, type ExploreBudget } from './explore-round.ts';
import { runTask, type ExploreTask } from './explore-tasks.ts';
import type { JudgedState } from './judge-windows.ts';
import { loadSources, type PluginSources } from './plugin-sources.ts';
import { answerRequests } from './worker-answers.ts';

export type WorkerRequest =
  | {
      readonly type: 'round';
      readonly scenario: Scenario;
      readonly sources: PluginSources;
      readonly round: number;
      readonly history: Uint8Array;
      readonly ledger: Uint8Array;
      readonly budget: ExploreBudget;
    }
  | { readonly type: 'task'; readonly task: ExploreTask };

/** How many states a round has, and what share of the legal ones they are. */
export interface PlannedRound {
  readonly states: number;
  readonly coverage: CrashPlan['coverage'];
}

export type WorkerReply =
  | { readonly type: 'planned'; readonly planned: PlannedRound }
  | { readonly type: 'judged'; readonly states: readonly JudgedState[] };

let explorer: RoundExplorer | undefined;

answerRequests(answer);

async function answer(request: WorkerRequest): Promise<WorkerReply> {
  if (request.type === 'round') {
    explorer = await prepare(request);
    const { states, coverage } = explorer.plan;
    return { type: 'planned', planned: { states: states.length, coverage } };
  }
  if (explorer === undefined) throw new Error('a task came before its round');
  return { type: 'judged', states: await runTask(explorer, request.task) };
}

async function prepare(request: Extract<WorkerRequest, { type: 'round' }>): Promise<RoundExplorer> {
  const ready = await loadSources(request.scenario, request.sources);
  const evidence = {
    round: request.round,
    history: decodeHistory(request.history),
    ledger: decodeLedger(request.ledger),
  };
  return new RoundExplorer(ready, evidence, request.budget);
}
