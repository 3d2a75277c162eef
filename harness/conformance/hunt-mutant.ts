import type { Violation } from '../contract/index.ts';
import { RoundExplorer, type ExploreBudget } from '../run/explore-round.ts';
import { planTasks, runTask } from '../run/explore-tasks.ts';
import type { ReadyScenario } from '../run/plugin-sources.ts';
import { recordRound } from '../run/record-round.ts';
import { gapsOf } from '../run/round-gaps.ts';

export interface Hunt {
  /** Crash states judged until the first conviction, or all of them. */
  readonly states: number;
  readonly violations: readonly Violation[];
  readonly faultsFired: number;
  /** Acknowledged operations other than flushes. */
  readonly changesAcknowledged: number;
  /** Why the evidence is less than it should be: an engine that refuses everything loses nothing. */
  readonly gaps: readonly string[];
}

/**
 * Explores crash states, round after round, until something is convicted or the scenario's states are
 * used up.
 */
export async function hunt(ready: ReadyScenario): Promise<Hunt> {
  const { states: statesMax, nestedStates } = ready.scenario.explore;
  const sum = { states: 0, faultsFired: 0, changesAcknowledged: 0, gaps: [] as string[] };
  for (let round = 0; sum.states < statesMax; round++) {
    const record = await recordRound(ready, round);
    sum.faultsFired += record.firings.length;
    sum.changesAcknowledged += record.outcomes.changes;
    sum.gaps.push(...gapsOf(record, ready.scenario.limits.queueDepth));
    const budget = roundBudget(statesMax - sum.states, nestedStates / statesMax);
    const explorer = new RoundExplorer(ready, record, budget);
    for (const task of inTurn(planTasks(explorer, explorer.plan.states.length))) {
      const judged = await runTask(explorer, task);
      sum.states += judged.length;
      for (const { gap } of judged) if (gap !== undefined) sum.gaps.push(gap);
      const violations = judged.flatMap((state) => state.violations);
      if (violations.length > 0) return { ...sum, violations };
    }
  }
  return { ...sum, violations: [] };
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
