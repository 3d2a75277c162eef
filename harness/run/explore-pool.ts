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
import type { WorkerReply, WorkerRequest } from './explore-worker.ts';
import type { JudgedState } from './judge-windows.ts';
import type { ReadyScenario } from './plugin-sources.ts';

export interface ExploreCallbacks {
  onProgress(done: number, total: number): void;
  /** Asked between tasks: true stops and leaves the rest unjudged. */
  shouldStop(): boolean;
}

export interface Exploration {
  readonly explorer: RoundExplorer;
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
    const tasks = planTasks(explorer);
    const workers = this.#workersFor(explorer);
    const results = new Array<readonly JudgedState[] | undefined>(tasks.length).fill(undefined);
    let next = 0;
    let done = 0;
    await Promise.all(
      workers.map(async (work) => {
        while (next < tasks.length && !callbacks.shouldStop()) {
          const index = next++;
          results[index] = await work(tasks[index]!);
          callbacks.onProgress(++done, tasks.length);
        }
      }),
    );
    return {
      explorer,
      judged: results.flatMap((states) => states ?? []),
      complete: done === tasks.length,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }

  #workersFor(
    explorer: RoundExplorer,
  ): readonly ((task: ExploreTask) => Promise<readonly JudgedState[]>)[] {
    if (this.#threads.length === 0) return [(task) => runTask(explorer, task)];
    const { ready, evidence, budget } = explorer;
    const request: WorkerRequest = {
      type: 'round',
      scenario: ready.scenario,
      sources: ready.sources,
      round: evidence.round,
      history: encodeHistory(evidence.history),
      ledger: encodeLedger(evidence.ledger),
      budget,
    };
    return this.#threads.map((thread) => {
      thread.begin(request);
      return (task) => thread.work(task);
    });
  }
}

interface Waiting {
  resolve(states: readonly JudgedState[]): void;
  reject(error: Error): void;
}

/** One worker thread; one that died is started anew for the next round. */
class ExploreThread {
  #worker: Worker | undefined;
  #waiting: Waiting | undefined;

  begin(request: WorkerRequest): void {
    this.#worker ??= this.#start();
    this.#worker.postMessage(request);
  }

  work(task: ExploreTask): Promise<readonly JudgedState[]> {
    const request: WorkerRequest = { type: 'task', task };
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (this.#worker === undefined) this.#failed('it ended before its task');
      else this.#worker.postMessage(request);
    });
  }

  async stop(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = startWorker();
    worker.on('message', (reply: WorkerReply) => {
      if (reply.type === 'judged') this.#waiting?.resolve(reply.states);
      else this.#failed(reply.message);
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

/**
 * The built tool runs JavaScript; a checkout runs its TypeScript, on Node 20 through tsx, which has to
 * be registered anew in each thread.
 */
function startWorker(): Worker {
  const runsSource = import.meta.url.endsWith('.ts');
  const entry = new URL(`./explore-worker.${runsSource ? 'ts' : 'js'}`, import.meta.url);
  if (!runsSource) return new Worker(entry);
  const tsxRoot = pathToFileURL(createRequire(import.meta.url).resolve('tsx/package.json'));
  const tsx = new URL('dist/esm/api/index.mjs', tsxRoot).href;
  const boot = `import { register } from '${tsx}'; register(); await import('${entry.href}');`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(boot)}`));
}
