/**
 * Looks for a smaller scenario that still shows a violation of the same kind: fewer operations under
 * the same seed, and few crash states. It runs each candidate as `powercut run` would, so that what it
 * answers fails when it is run. Fewer operations need not fail less, so the answer is small and not
 * the smallest. Bounded by the number of candidates, and by time on a slow machine.
 */
import type { PluginRef, Scenario } from '../contract/index.ts';
import { RoundExplorer } from './explore-round.ts';
import { planTasks, runTask } from './explore-tasks.ts';
import { parseStateId } from './find-state.ts';
import { judgeLive } from './judge-live.ts';
import type { JudgedState } from './judge-windows.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { recordRound } from './record-round.ts';
import { roundBudget } from './run-on-twin.ts';
import type { FoundViolation } from './tally.ts';

const statesPerRound = 600;
const candidatesMax = 12;
export const shrinkMsMax = 10_000;

export interface ShrinkCallbacks {
  /** Asked before each candidate and task. */
  mayGoOn(): boolean;
  onCandidate(done: number, total: number): void;
}

/** Undefined where nothing smaller shows it. */
export async function shrinkScenario(
  ready: ReadyScenario,
  worst: FoundViolation,
  callbacks: ShrinkCallbacks,
): Promise<Scenario | undefined> {
  let smallest: Scenario | undefined;
  let tooFew = 0;
  let enough = ready.scenario.limits.ops;
  for (
    let tried = 0;
    tried < candidatesMax && enough - tooFew > 1 && callbacks.mayGoOn();
    tried++
  ) {
    callbacks.onCandidate(tried, candidatesMax);
    const ops = (tooFew + enough) >> 1;
    const candidate = smallerScenario(ready, worst, ops);
    if (await shows({ ...ready, scenario: candidate }, worst, callbacks)) {
      smallest = candidate;
      enough = ops;
    } else {
      tooFew = ops;
    }
  }
  return smallest;
}

function smallerScenario(ready: ReadyScenario, { state }: FoundViolation, ops: number): Scenario {
  const { scenario, sources } = ready;
  const { round, nested } = parseStateId(state);
  const rounds = round + 1;
  const states = statesPerRound * rounds;
  const located = (ref: PluginRef, url: string): PluginRef =>
    ref.use.startsWith('.') ? { ...ref, use: url } : ref;
  return {
    ...scenario,
    name: `${scenario.name}-reproducer`,
    // The file lies elsewhere than the scenario it was made from: paths would lead nowhere.
    engine: located(scenario.engine, sources.engine),
    workload: located(scenario.workload, sources.workload),
    faults: scenario.faults.map((fault, index) => ({
      ...fault,
      ...located(fault, sources.faults[index]!),
    })),
    limits: { ...scenario.limits, ops },
    explore: { rounds, states, nestedStates: nested === undefined ? 0 : states >> 1 },
  };
}

async function shows(
  ready: ReadyScenario,
  { state, violation: { kind } }: FoundViolation,
  callbacks: ShrinkCallbacks,
): Promise<boolean> {
  const has = (found: readonly JudgedState[]): boolean =>
    found.some(({ violations }) => violations.some((violation) => violation.kind === kind));
  const { round, state: place } = parseStateId(state);
  const record = await recordRound(ready, round);
  const explorer = new RoundExplorer(ready, record, roundBudget(ready));
  if (place === 'live') return has(judgeLive(explorer, record));
  for (const task of planTasks(explorer, explorer.plan.states.length)) {
    if (!callbacks.mayGoOn()) return false;
    if (has(await runTask(explorer, task))) return true;
  }
  return false;
}
