/**
 * Crashes during a recovery by the kernel. What the recovery wrote is cut at every point, like any
 * other history, and the kernel recovers again. Nothing was asked of the file system in between, so
 * the second recovery owes exactly what the first one did: it is judged in the windows of the state
 * that was recovered.
 */
import { planCrashStates, type CrashPlan } from '../../drive/crash-states.ts';
import { ledgerWindowsOf } from '../../drive/crash-windows.ts';
import type { History } from '../../drive/history.ts';
import { createMaterialiser, type Materialiser } from '../../drive/materialise.ts';
import type { StateMounter } from '../../rigs/mounted-states.ts';
import type { JudgedState } from '../judge-windows.ts';
import type { FileExplorer } from './file-explorer.ts';
import { judgeFileWindows } from './judge-file-windows.ts';

export class NestedFileExplorer {
  readonly plan: CrashPlan;
  readonly #explorer: FileExplorer;
  readonly #parent: number;
  readonly #materialiser: Materialiser;

  /** `recovery` is the one of the explorer's state `parent`. */
  constructor(explorer: FileExplorer, parent: number, recovery: History, statesMax: number) {
    this.#explorer = explorer;
    this.#parent = parent;
    this.plan = planCrashStates(recovery, {
      statesMax,
      random: explorer.random.fork(`nested-plan-${parent}`),
    });
    this.#materialiser = createMaterialiser(this.plan);
  }

  async judge(index: number, mounter: StateMounter): Promise<JudgedState> {
    const { ready, contract, evidence, plan } = this.#explorer;
    const state = this.plan.states[index]!;
    return judgeFileWindows({
      ready,
      contract,
      evidence,
      id: `${evidence.round}:${this.#parent}/${index}`,
      digest: state.digest,
      windows: ledgerWindowsOf(evidence.history, plan.states[this.#parent]!),
      recovered: await mounter.recover(this.#materialiser.images(state)[0]!),
    });
  }
}
