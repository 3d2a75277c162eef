/**
 * Explores a round on all cores. Results come back in the order of the tasks, whatever the threads
 * did, so that the same seed gives the same files byte for byte.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { HarnessError } from '../contract/index.ts';
import { encodeHistory } from '../drive/history-file.ts';
import { encodeLedger } from '../ledger/ledger-file.ts';
import { RoundExplorer, type ExploreBudget, type RoundEvidence } from './explore-round.ts';
import { planTasks, runTask, type ExploreTask } from './explore-tasks.ts';
import type { PlannedRound, WorkerReply, WorkerRequest } from './explore-worker.ts';
import type { JudgedState } from './judge-windows.ts';
import type { ReadyScenario } from './plugin-sources.ts';

export interface ExploreCallbacks {
  onProgress(done: number, total: number): void;
  /** Asked between tasks: true stops and leaves the rest unjudged. */
  shouldStop(): boolean;
}

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
    callbacks: ExploreCallbacks,
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
    callbacks: ExploreCallbacks,
  ): Promise<Exploration> {
    const explorer = new RoundExplorer(ready, evidence, budget);
    const workers = this.#threads.length > 0 ? this.#threads : [new InThisThread()];
    const [planned] = await allEnded(workers.map((worker) => worker.begin(explorer)));
    const { states, coverage } = planned!;
    const tasks = planTasks(explorer, states);
    const results = new Array<readonly JudgedState[] | undefined>(tasks.length).fill(undefined);
    let next = 0;
    let done = 0;
    let failed = false;
    const giveUp = (error: unknown): never => {
      failed = true;
      throw error;
    };
    await allEnded(
      workers.map(async (worker) => {
        while (!failed && next < tasks.length && !callbacks.shouldStop()) {
          const index = next++;
          results[index] = await worker.work(tasks[index]!).catch(giveUp);
          callbacks.onProgress(++done, tasks.length);
        }
      }),
    );
    const judged = results.flatMap((found) => found ?? []);
    return { explorer, coverage, judged, complete: done === tasks.length };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }
}

/**
 * The answers of all, or the first failure, but never before all have ended: a thread that still has
 * something to answer must not be given the next round.
 */
async function allEnded<T>(work: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
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

interface Waiting {
  resolve(reply: WorkerReply): void;
  reject(error: Error): void;
}

/** One worker thread; one that died is started anew for the next round. */
class ExploreThread implements RoundWorker {
  #worker: Worker | undefined;
  #waiting: Waiting | undefined;

  async begin({ ready, evidence, budget }: RoundExplorer): Promise<PlannedRound> {
    this.#worker ??= this.#start();
    const reply = await this.#ask({
      type: 'round',
      scenario: ready.scenario,
      sources: ready.sources,
      round: evidence.round,
      history: encodeHistory(evidence.history),
      ledger: encodeLedger(evidence.ledger),
      budget,
    });
    if (reply.type !== 'planned') throw unexpected(reply);
    return reply.planned;
  }

  async work(task: ExploreTask): Promise<readonly JudgedState[]> {
    const reply = await this.#ask({ type: 'task', task });
    if (reply.type !== 'judged') throw unexpected(reply);
    return reply.states;
  }

  async stop(): Promise<void> {
    await this.#worker?.terminate();
  }

  #ask(request: WorkerRequest): Promise<WorkerReply> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (this.#worker === undefined) this.#failed('it ended before its task');
      else this.#worker.postMessage(request);
    });
  }

  #start(): Worker {
    const worker = startWorker();
    worker.on('message', (reply: WorkerReply) => {
      if (reply.type === 'failed') this.#failed(reply.message);
      else this.#waiting?.resolve(reply);
    });
    worker.on('error', (error) => {
      this.#worker = undefined;
      this.#failed(error.stack ?? error.message);
    });
    worker.on('exit', (code) => {
      this.#worker = undefined;
      this.#failed(`it ended with code ${code}`);
    });
    return worker;
  }

  #failed(message: string): void {
    this.#waiting?.reject(
      new HarnessError('UNAVAILABLE', `an exploring thread failed: ${message}`),
    );
    this.#waiting = undefined;
  }
}

function unexpected(reply: WorkerReply): HarnessError {
  return new HarnessError('UNAVAILABLE', `an exploring thread answered ${reply.type} out of turn`);
}

/** Most of what a recovery allocates is dead by the next one: room for it saves collections. */
const resourceLimits = { maxYoungGenerationSizeMb: 64 } as const;

/**
 * The built tool runs JavaScript; a checkout runs its TypeScript, on Node 20 through tsx, which has to
 * be registered anew in each thread.
 */
function startWorker(): Worker {
  const runsSource = import.meta.url.endsWith('.ts');
  const entry = new URL(`./explore-worker.${runsSource ? 'ts' : 'js'}`, import.meta.url);
  if (!runsSource) return new Worker(entry, { resourceLimits });
  const tsxRoot = pathToFileURL(createRequire(import.meta.url).resolve('tsx/package.json'));
  const tsx = new URL('dist/esm/api/index.mjs', tsxRoot).href;
  const boot = `import { register } from '${tsx}'; register(); await import('${entry.href}');`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(boot)}`), {
    resourceLimits,
  });
}
