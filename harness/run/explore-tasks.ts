import type { JudgedState } from './judge-windows.ts';
import { exploreNested } from './explore-nested.ts';
import type { RoundExplorer } from './explore-round.ts';

/** A piece of a round's exploration: small enough to spread over cores, in a fixed order. */
export type ExploreTask =
  | { readonly kind: 'states'; readonly from: number; readonly to: number }
  | { readonly kind: 'nested'; readonly parent: number; readonly states: number };

/** Crash states of one recovery and the epoch after it that are looked at together. */
const nestedStatesPerParent = 96;
const statesPerTask = 128;

/** All `planned` states of the round, and a seeded choice of parents for crashes during recovery. */
export function planTasks(explorer: RoundExplorer, planned: number): readonly ExploreTask[] {
  const tasks: ExploreTask[] = [];
  for (let from = 0; from < planned; from += statesPerTask) {
    tasks.push({ kind: 'states', from, to: Math.min(from + statesPerTask, planned) });
  }
  return [...tasks, ...planNestedTasks(explorer, planned, nestedStatesPerParent)];
}

export type NestedTask = Extract<ExploreTask, { readonly kind: 'nested' }>;

/** The states whose recovery is cut, and into how many states each. */
export function planNestedTasks(
  { budget, random: explorerRandom }: Pick<RoundExplorer, 'budget' | 'random'>,
  planned: number,
  statesPerParent: number,
): readonly NestedTask[] {
  const tasks: NestedTask[] = [];
  const parents = Math.min(planned, Math.ceil(budget.nestedStates / statesPerParent));
  const random = explorerRandom.fork('nested-parents');
  for (let left = budget.nestedStates, n = 0; n < parents; n++) {
    const states = Math.min(left, statesPerParent);
    // One parent from each stretch of the plan, so that early and late states both have their turn.
    const first = Math.floor((n * planned) / parents);
    const parent = first + random.below(Math.floor(((n + 1) * planned) / parents) - first);
    tasks.push({ kind: 'nested', parent, states });
    left -= states;
  }
  return tasks;
}

export async function runTask(
  explorer: RoundExplorer,
  task: ExploreTask,
): Promise<readonly JudgedState[]> {
  if (task.kind === 'nested') return exploreNested(explorer, task.parent, task.states);
  const judged: JudgedState[] = [];
  for (let index = task.from; index < task.to; index++) judged.push(await explorer.judge(index));
  return judged;
}
