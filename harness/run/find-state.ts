/**
 * Finds a crash state again by the id that a run printed: `ROUND:STATE`, `ROUND:STATE/NESTED` for a
 * crash during or after the recovery of a state, `ROUND:live` for what the running engine served.
 */
import { HarnessError, type LedgerView } from '../contract/index.ts';
import type { CrashState } from '../drive/crash-states.ts';
import type { History } from '../drive/history.ts';
import type { SparseImage } from '../drive/image.ts';
import { createMaterialiser } from '../drive/materialise.ts';
import { judgeNested, planNested, recordNested } from './explore-nested.ts';
import type { RoundExplorer } from './explore-round.ts';
import { planTasks } from './explore-tasks.ts';
import type { JudgedState } from './judge-windows.ts';

export interface StateId {
  readonly round: number;
  readonly state: number | 'live';
  readonly nested: number | undefined;
}

export function parseStateId(text: string): StateId {
  const match = /^(\d+):(?:(\d+)(?:\/(\d+))?|(live))$/.exec(text);
  if (match === null) {
    throw new HarnessError(
      'CONFIG_INVALID',
      `"${text}" is no crash-state id: expected ROUND:STATE, ROUND:STATE/NESTED or ROUND:live, such as 0:17 or 0:17/3`,
    );
  }
  return {
    round: Number(match[1]),
    state: match[4] === 'live' ? 'live' : Number(match[2]),
    nested: match[3] === undefined ? undefined : Number(match[3]),
  };
}

/** A crash state with everything needed to look at it: the images, and how it came about. */
export interface FoundState {
  readonly state: CrashState;
  /** Of the drives, in the order of their numbers. */
  readonly images: readonly SparseImage[];
  readonly history: History;
  readonly ledger: LedgerView;
  judge(): Promise<JudgedState>;
}

/** The state must be one of the explorer's round; undefined where there is no image (`live`). */
export async function findState(
  explorer: RoundExplorer,
  id: StateId,
): Promise<FoundState | undefined> {
  if (id.state === 'live') return undefined;
  const parent = stateAt(explorer.plan.states, id.state, `round ${id.round}`);
  if (id.nested !== undefined) return findNested(explorer, id.state, id.nested);
  return {
    state: parent,
    images: explorer.imagesOf(parent),
    history: explorer.evidence.history,
    ledger: explorer.evidence.ledger,
    judge: () => explorer.judge(parent.index),
  };
}

async function findNested(
  explorer: RoundExplorer,
  parent: number,
  index: number,
): Promise<FoundState> {
  const task = planTasks(explorer, explorer.plan.states.length).find(
    (one) => one.kind === 'nested' && one.parent === parent,
  );
  const record = await recordNested(explorer, parent);
  if (record === undefined || task?.kind !== 'nested') {
    throw new HarnessError(
      'CONFIG_INVALID',
      `nothing is nested in state ${parent}: it was not chosen for that, or the engine refused it`,
    );
  }
  const plan = planNested(explorer, record, task.states);
  const state = stateAt(plan.states, index, `state ${parent}`);
  const images = createMaterialiser(plan).images(state);
  return {
    state,
    images,
    history: record.history,
    ledger: record.ledger.view(),
    judge: () => judgeNested(explorer, record, state, forksOf(images)),
  };
}

/** What is judged may change them. */
export function forksOf(images: readonly SparseImage[]): readonly SparseImage[] {
  return images.map((image) => image.fork());
}

function stateAt(states: readonly CrashState[], index: number, where: string): CrashState {
  const state = states[index];
  if (state === undefined) {
    throw new HarnessError(
      'CONFIG_INVALID',
      `${where} has no crash state ${index}: it has ${states.length}, from 0`,
    );
  }
  return state;
}
