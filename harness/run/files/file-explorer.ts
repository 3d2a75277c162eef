/**
 * Judges the crash states of one recorded round of a file system. Each distinct image is mounted by
 * the kernel once, which recovers its log, and read as a whole; what came out is judged at every
 * position of the ledger that can have left the image.
 */
import type {
  DeviceGeometry,
  FileSystemContract,
  FileSystemRecipe,
  Random,
  Scenario,
} from '../../contract/index.ts';
import { planCrashStates, type CrashPlan, type CrashState } from '../../drive/crash-states.ts';
import { ledgerWindowsOf } from '../../drive/crash-windows.ts';
import type { SparseImage } from '../../drive/image.ts';
import { createMaterialiser, type Materialiser } from '../../drive/materialise.ts';
import {
  openStateMounter,
  type MountResources,
  type StateMounter,
} from '../../rigs/mounted-states.ts';
import type { ExploreBudget } from '../explore-round.ts';
import { planNestedTasks, type NestedTask } from '../explore-tasks.ts';
import type { JudgedState } from '../judge-windows.ts';
import type { ReadyFileScenario } from '../plugin-sources.ts';
import { formattedAt, roundRandom } from '../record-round.ts';
import type { FileRoundEvidence } from './file-round.ts';
import { judgeFileWindows } from './judge-file-windows.ts';

/** Recording a recovery takes about as long as judging so many states. */
const nestedStatesPerParent = 32;

export class FileExplorer {
  readonly ready: ReadyFileScenario;
  readonly evidence: FileRoundEvidence;
  readonly budget: ExploreBudget;
  readonly contract: FileSystemContract;
  readonly recipe: FileSystemRecipe;
  /** Of the drive that was recorded. */
  readonly geometry: DeviceGeometry;
  readonly random: Random;
  #plan: CrashPlan | undefined;
  #materialiser: Materialiser | undefined;

  constructor(ready: ReadyFileScenario, evidence: FileRoundEvidence, budget: ExploreBudget) {
    const { engine, engineConfig, scenario } = ready;
    const { geometry } = evidence.history.devices[0]!;
    this.ready = ready;
    this.evidence = evidence;
    this.budget = budget;
    this.contract = claimedContract(scenario, engine.contractFor(engineConfig, geometry));
    this.recipe = engine.recipeFor(engineConfig, geometry);
    this.geometry = geometry;
    this.random = roundRandom(scenario.seed, evidence.round).fork('explore');
  }

  get plan(): CrashPlan {
    const { evidence } = this;
    this.#plan ??= planCrashStates(evidence.history, {
      statesMax: Math.max(1, this.budget.states - this.budget.nestedStates),
      random: this.random.fork('plan'),
      bornAfter: formattedAt(evidence.history),
    });
    return this.#plan;
  }

  /** The states whose recovery is cut as well. */
  get nestedTasks(): readonly NestedTask[] {
    return planNestedTasks(this, this.plan.states.length, nestedStatesPerParent);
  }

  /** What the drive held for certain when the file system had been made: nothing mounted it yet. */
  get freshImage(): SparseImage {
    const { fresh, history } = this.evidence;
    return fresh ?? this.imageOf({ bornAt: formattedAt(history), choices: [] });
  }

  imageOf(state: Pick<CrashState, 'bornAt' | 'choices'>): SparseImage {
    this.#materialiser ??= createMaterialiser(this.plan);
    return this.#materialiser.images(state)[0]!;
  }

  /** A place to mount this round's crash states, one at a time; for its whole life. */
  openMounter(resources: MountResources): Promise<StateMounter> {
    return openStateMounter({
      recipe: this.recipe,
      fresh: this.freshImage,
      logicalBlockBytes: this.geometry.logicalBlockBytes,
      resources,
    });
  }

  async judge(index: number, mounter: StateMounter): Promise<JudgedState> {
    const { evidence, ready, contract } = this;
    const state = this.plan.states[index]!;
    return judgeFileWindows({
      ready,
      contract,
      evidence,
      id: `${evidence.round}:${index}`,
      digest: state.digest,
      windows: ledgerWindowsOf(evidence.history, state),
      recovered: await mounter.recover(this.imageOf(state)),
    });
  }
}

/**
 * A scenario that expects a failure claims for a known-bad set-up what a good one promises, as it does
 * with the promise about faults (promise-in-force.ts).
 */
export function claimedContract(
  { expect }: Scenario,
  contract: FileSystemContract,
): FileSystemContract {
  return expect.verdict === 'pass' ? contract : { ...contract, syncsAreDurable: true };
}
