/**
 * Explores a round on all cores. Results come back in the order of the tasks, whatever the threads
 * did, so that the same seed gives the same files byte for byte.
 */
import { encodeHistory } from '../drive/history-file.ts';
import { encodeLedger } from '../ledger/ledger-file.ts';
import { RoundExplorer, type ExploreBudget, type RoundEvidence } from './explore-round.ts';
import { planTasks, runTask, type ExploreTask } from './explore-tasks.ts';
import type { PlannedRound, WorkerReply, WorkerRequest } from './explore-worker.ts';
import type { JudgedState } from './judge-windows.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { allEnded, workOff, WorkerThread, type WorkCallbacks } from './worker-thread.ts';

export interface Exploration {
  readonly explorer: RoundExplorer;
  readonly coverage: PlannedRound['coverage'];
  /** In the order of the tasks. */
  readonly judged: readonly JudgedState[];
  /** False when it was stopped before every task was done. */
  readonly complete: boolean;
}

export interface ExplorePool extends AsyncDisposable {
  explore(
    ready: ReadyScenario,
    evidence: RoundEvidence,
    budget: ExploreBudget,
    callbacks: WorkCallbacks,
  ): Promise<Exploration>;
}

/** `jobs` threads; with 1, everything runs in this one (tests, and machines with one core). */
export function createExplorePool(jobs: number): ExplorePool {
  return new ThreadPool(jobs > 1 ? jobs : 0);
}

/** Plans a round and works off its tasks; each worker plans for itself and comes to the same plan. */
interface RoundWorker {
  begin(explorer: RoundExplorer): Promise<PlannedRound>;
  work(task: ExploreTask): Promise<readonly JudgedState[]>;
}

class ThreadPool implements ExplorePool {
  readonly #threads: ExploreThread[];

  constructor(threads: number) {
    this.#threads = Array.from({ length: threads }, () => new ExploreThread());
  }

  async explore(
    ready: ReadyScenario,
    evidence: RoundEvidence,
    budget: ExploreBudget,
    callbacks: WorkCallbacks,
  ): Promise<Exploration> {
    const explorer = new RoundExplorer(ready, evidence, budget);
    const workers = this.#threads.length > 0 ? this.#threads : [new InThisThread()];
    const [planned] = await allEnded(workers.map((worker) => worker.begin(explorer)));
    const { states, coverage } = planned!;
    const tasks = planTasks(explorer, states);
    const results = await workOff<RoundWorker, ExploreTask, readonly JudgedState[]>(
      workers,
      tasks,
      (worker, task) => worker.work(task),
      callbacks,
    );
    const judged = results.flatMap((found) => found ?? []);
    return { explorer, coverage, judged, complete: !results.includes(undefined) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }
}

class InThisThread implements RoundWorker {
  #explorer: RoundExplorer | undefined;

  async begin(explorer: RoundExplorer): Promise<PlannedRound> {
    this.#explorer = explorer;
    return { states: explorer.plan.states.length, coverage: explorer.plan.coverage };
  }

  work(task: ExploreTask): Promise<readonly JudgedState[]> {
    return runTask(this.#explorer!, task);
  }
}

class ExploreThread implements RoundWorker {
  readonly #thread = new WorkerThread<WorkerRequest, WorkerReply>(
    new URL('./explore-worker', import.meta.url),
    'an exploring thread',
  );

  async begin({ ready, evidence, budget }: RoundExplorer): Promise<PlannedRound> {
    const request = {
      type: 'round',
      scenario: ready.scenario,
      sources: ready.sources,
      round: evidence.round,
      history: encodeHistory(evidence.history),
      ledger: encodeLedger(evidence.ledger),
      budget,
    } as const;
    return (await this.#thread.begin(request, 'planned')).planned;
  }

  async work(task: ExploreTask): Promise<readonly JudgedState[]> {
    return (await this.#thread.ask({ type: 'task', task }, 'judged')).states;
  }

  stop(): Promise<void> {
    return this.#thread.stop();
  }
}
