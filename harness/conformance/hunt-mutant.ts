import type { Violation } from '../contract/index.ts';
import { RoundExplorer, type ExploreBudget } from '../run/explore-round.ts';
import { planTasks, runTask } from '../run/explore-tasks.ts';
import { judgeLive } from '../run/judge-live.ts';
import type { ReadyScenario } from '../run/plugin-sources.ts';
import { recordRound } from '../run/record-round.ts';

export interface Hunt {
  /** Crash states judged until the first conviction, or all of them. */
  readonly states: number;
  readonly violations: readonly Violation[];
  readonly faultsFired: number;
}

/** Explores round after round until something is convicted or the scenario's states are used up. */
export async function hunt(ready: ReadyScenario): Promise<Hunt> {
  const { states: statesMax, nestedStates } = ready.scenario.explore;
  let states = 0;
  let faultsFired = 0;
  for (let round = 0; states < statesMax; round++) {
    const record = await recordRound(ready, round);
    faultsFired += record.firings.length;
    const budget = roundBudget(statesMax - states, nestedStates / statesMax);
    const explorer = new RoundExplorer(ready, record, budget);
    const live = judgeLive(explorer, record).flatMap(({ violations }) => violations);
    if (live.length > 0) return { states, violations: live, faultsFired };
    for (const task of inTurn(planTasks(explorer, explorer.plan.states.length))) {
      const judged = await runTask(explorer, task);
      states += judged.length;
      const violations = judged.flatMap((state) => state.violations);
      if (violations.length > 0) return { states, violations, faultsFired };
    }
  }
  return { states, violations: [], faultsFired };
}

/** Several short rounds see more of an engine than one long one. */
const roundStates = 2000;

function roundBudget(left: number, nestedShare: number): ExploreBudget {
  const states = Math.min(left, roundStates);
  return { states, nestedStates: Math.floor(states * nestedShare) };
}

/** Nested tasks come last in a plan; here they take turns with the others, since either may convict. */
function inTurn<Task extends { readonly kind: string }>(tasks: readonly Task[]): readonly Task[] {
  const plain = tasks.filter(({ kind }) => kind === 'states');
  const nested = tasks.filter(({ kind }) => kind === 'nested');
  return plain
    .flatMap((task, index) => {
      const other = nested[index];
      return other === undefined ? [task] : [task, other];
    })
    .concat(nested.slice(plain.length));
}
