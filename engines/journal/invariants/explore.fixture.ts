import { createRandom, type CrashWindow } from '../../../harness/contract/index.ts';
import {
  planCrashStates,
  type CrashPlan,
  type CrashState,
  type PlanOptions,
} from '../../../harness/drive/crash-states.ts';
import { ledgerWindowsOf } from '../../../harness/drive/crash-windows.ts';
import type { History } from '../../../harness/drive/history.ts';
import type { SparseImage } from '../../../harness/drive/image.ts';
import { createMaterialiser } from '../../../harness/drive/materialise.ts';
import { contentsOf, problemOf, type Contents } from './model.fixture.ts';
import { openOn, type Opened } from './journals.fixture.ts';
import { type ScriptRun } from './script-run.fixture.ts';
import type { Setup } from './setups.fixture.ts';

/** What a power cut can leave of a run; the image is free to be changed. */
export interface CrashedState {
  readonly index: number;
  readonly digest: string;
  readonly image: SparseImage;
  readonly bornAt: number;
  readonly windows: readonly CrashWindow[];
}

export interface Budget extends Partial<Pick<PlanOptions, 'bornAfter' | 'bornBefore'>> {
  /** Most states; where there are fewer, all. */
  readonly statesMax: number;
}

export function planned(history: History, { statesMax, ...born }: Budget): CrashPlan {
  return planCrashStates(history, { statesMax, random: createRandom(statesMax), ...born });
}

export function* crashStates(history: History, budget: Budget): Generator<CrashedState> {
  const plan = planned(history, budget);
  const materialiser = createMaterialiser(plan);
  for (const state of plan.states) yield crashed(history, state, materialiser.images(state)[0]!);
}

/** What is on the medium at that event when everything that may be lost is lost. */
export function durableOnly(history: History, at: number): SparseImage {
  const plan = planned(history, { statesMax: 1 });
  const state = { ...plan.states[0]!, bornAt: at, choices: [] };
  return createMaterialiser(plan).images(state)[0]!;
}

function crashed(history: History, state: CrashState, image: SparseImage): CrashedState {
  const { index, digest, bornAt } = state;
  const windows = ledgerWindowsOf(history, state).map(({ window }) => window);
  return { index, digest, image, bornAt, windows };
}

export interface RecoveredState extends CrashedState, Opened {
  readonly contents: Contents;
}

/** A fork of the state's image is recovered; the state itself stays as the crash left it. */
export async function recovered(state: CrashedState, setup: Setup): Promise<RecoveredState> {
  const opened = await openOn(state.image.fork(), setup, state.digest);
  return { ...state, ...opened, contents: await contentsOf(opened.journal) };
}

/** Recovers every state and fails where what it serves is not what the model allows. */
export async function* recoveredStates(
  run: ScriptRun,
  budget: Budget,
): AsyncGenerator<RecoveredState> {
  for (const state of crashStates(run.history, budget)) {
    const found = await recovered(state, run.setup).catch((error: unknown) => {
      throw new Error(`state ${state.index}, born at event ${state.bornAt}: ${String(error)}`);
    });
    judge(run, found, found.contents);
    yield found;
  }
}

/** Answers how many states were recovered. */
export async function recoverAll(run: ScriptRun, budget: Budget): Promise<number> {
  let states = 0;
  for await (const { index } of recoveredStates(run, budget)) states = index + 1;
  return states;
}

export function judge(
  run: ScriptRun,
  { index, bornAt, windows }: CrashedState,
  contents: Contents,
): void {
  for (const window of windows) {
    const problem = problemOf(run, contents, window);
    if (problem !== undefined) {
      throw new Error(`state ${index}, born at event ${bornAt}: ${problem}`);
    }
  }
}
