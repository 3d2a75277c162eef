import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { HarnessError } from '../contract/index.ts';

/** What every worker may answer instead of what it was asked for. */
export interface FailedReply {
  readonly type: 'failed';
  readonly message: string;
}

interface Waiting<Reply> {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/**
 * A thread that answers one request at a time. One that died is started anew for the next request
 * that begins something (`begin`); a later one then fails, since what was begun is gone.
 */
export class WorkerThread<Request, Reply extends { readonly type: string }> {
  readonly #entry: URL;
  readonly #what: string;
  #worker: Worker | undefined;
  #waiting: Waiting<Reply> | undefined;

  /** `entry` without its ending; `what` names the thread in errors: `an exploring thread`. */
  constructor(entry: URL, what: string) {
    this.#entry = entry;
    this.#what = what;
  }

  begin<Type extends Reply['type']>(
    request: Request,
    expected: Type,
  ): Promise<Extract<Reply, { readonly type: Type }>> {
    this.#worker ??= this.#start();
    return this.ask(request, expected);
  }

  async ask<Type extends Reply['type']>(
    request: Request,
    expected: Type,
  ): Promise<Extract<Reply, { readonly type: Type }>> {
    const reply = await this.#send(request);
    if (reply.type === expected) return reply as Extract<Reply, { readonly type: Type }>;
    throw new HarnessError('UNAVAILABLE', `${this.#what} answered ${reply.type} out of turn`);
  }

  async stop(): Promise<void> {
    await this.#worker?.terminate();
  }

  #send(request: Request): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (this.#worker === undefined) this.#failed('it ended before its task');
      else this.#worker.postMessage(request);
    });
  }

  #start(): Worker {
    const worker = startWorker(this.#entry);
    worker.on('message', (reply: Reply | FailedReply) => {
      if (isFailure(reply)) this.#failed(reply.message);
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
    this.#waiting?.reject(new HarnessError('UNAVAILABLE', `${this.#what} failed: ${message}`));
    this.#waiting = undefined;
  }
}

function isFailure(reply: { readonly type: string }): reply is FailedReply {
  return reply.type === 'failed';
}

/**
 * The answers of all, or the first failure, but never before all have ended: a thread that still has
 * something to answer must not be given the next piece of work.
 */
export async function allEnded<T>(work: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** Asked and told between tasks. */
export interface WorkCallbacks {
  onProgress(done: number, total: number): void;
  /** True stops and leaves the rest undone. */
  shouldStop(): boolean;
}

/** Spreads tasks over workers; the results are in the order of the tasks, undefined where not done. */
export async function workOff<Worker, Task, Result>(
  workers: readonly Worker[],
  tasks: readonly Task[],
  work: (worker: Worker, task: Task) => Promise<Result>,
  callbacks: WorkCallbacks,
): Promise<readonly (Result | undefined)[]> {
  const results = new Array<Result | undefined>(tasks.length).fill(undefined);
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
        results[index] = await work(worker, tasks[index]!).catch(giveUp);
        callbacks.onProgress(++done, tasks.length);
      }
    }),
  );
  return results;
}

/** Most of what a recovery allocates is dead by the next one: room for it saves collections. */
const resourceLimits = { maxYoungGenerationSizeMb: 64 } as const;

/** Files are opened and closed through system calls that Node does not see, so it cannot keep account. */
const workerOptions = { resourceLimits, trackUnmanagedFds: false } as const;

/**
 * The built tool runs JavaScript; a checkout runs its TypeScript, on Node 20 through tsx, which has to
 * be registered anew in each thread.
 */
function startWorker({ href }: URL): Worker {
  const runsSource = import.meta.url.endsWith('.ts');
  const entry = new URL(`${href}.${runsSource ? 'ts' : 'js'}`);
  if (!runsSource) return new Worker(entry, workerOptions);
  const tsxRoot = pathToFileURL(createRequire(import.meta.url).resolve('tsx/package.json'));
  const tsx = new URL('dist/esm/api/index.mjs', tsxRoot).href;
  const boot = `import { register } from '${tsx}'; register(); await import('${entry.href}');`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(boot)}`), workerOptions);
}
