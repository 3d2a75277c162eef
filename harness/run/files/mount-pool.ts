import { encodeHistory } from '../../drive/history-file.ts';
import { encodeFileLedger } from '../../ledger/file-ledger.ts';
import type { History } from '../../drive/history.ts';
import type { ExploreBudget } from '../explore-round.ts';
import type { NestedTask } from '../explore-tasks.ts';
import type { PlannedRound } from '../explore-worker.ts';
import type { JudgedState } from '../judge-windows.ts';
import type { ReadyFileScenario } from '../plugin-sources.ts';
import { allEnded, WorkerThread, workOff, type WorkCallbacks } from '../worker-thread.ts';
import { encodedFresh, type FileRoundEvidence } from './file-round.ts';
import type { MountReply, MountRequest } from './mount-worker.ts';

export interface FileExploration {
  readonly planned: PlannedRound;
  /** In the order of the plan. */
  readonly judged: readonly JudgedState[];
  /** False when it was stopped before every state was judged. */
  readonly complete: boolean;
}

/** What the recovery of a state wrote, and how many states of it are to be judged. */
export interface RecordedRecovery extends Pick<NestedTask, 'parent' | 'states'> {
  readonly recovery: History;
}

/** Enough that asking costs nothing, few enough that two threads end together. */
const statesPerTask = 16;

/** Threads that mount crash states, each in a place of its own. */
export class MountPool implements AsyncDisposable {
  readonly #threads: WorkerThread<MountRequest, MountReply>[];

  constructor(jobs: number) {
    this.#threads = Array.from(
      { length: jobs },
      () => new WorkerThread(new URL('./mount-worker', import.meta.url), 'a mounting thread'),
    );
  }

  async explore(
    ready: ReadyFileScenario,
    evidence: FileRoundEvidence,
    budget: ExploreBudget,
    callbacks: WorkCallbacks,
  ): Promise<FileExploration> {
    const fresh = encodedFresh(evidence);
    const request = {
      type: 'round',
      scenario: ready.scenario,
      sources: ready.sources,
      round: evidence.round,
      history: encodeHistory(evidence.history),
      ...(fresh && { fresh }),
      ledger: encodeFileLedger(evidence.ledger),
      budget,
    } as const;
    const begun = await allEnded(this.#threads.map((thread) => thread.begin(request, 'planned')));
    const { planned } = begun[0]!;
    const tasks = Array.from({ length: Math.ceil(planned.states / statesPerTask) }, (_, n) => ({
      type: 'states' as const,
      from: n * statesPerTask,
      to: Math.min((n + 1) * statesPerTask, planned.states),
    }));
    const results = await workOff(
      this.#threads,
      tasks,
      async (thread, task) => (await thread.ask(task, 'judged')).states,
      callbacks,
    );
    const judged = results.flatMap((states) => states ?? []);
    return { planned, judged, complete: !results.includes(undefined) };
  }

  /** Judges crashes during recoveries of states of the round that was explored last. */
  async exploreNested(
    recoveries: readonly RecordedRecovery[],
    callbacks: WorkCallbacks,
  ): Promise<Omit<FileExploration, 'planned'>> {
    const tasks = recoveries.map(({ parent, states, recovery }) => ({
      type: 'nested' as const,
      parent,
      states,
      recovery: encodeHistory(recovery),
    }));
    const results = await workOff(
      this.#threads,
      tasks,
      async (thread, task) => (await thread.ask(task, 'judged')).states,
      callbacks,
    );
    const judged = results.flatMap((states) => states ?? []);
    return { judged, complete: !results.includes(undefined) };
  }

  /** Lets each thread unmount first; `powercut clean` sees to those that cannot. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#threads.map((thread) => thread.ask({ type: 'end' }, 'ended')));
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }
}
