/**
 * Judges the crash states of one recorded round. Each distinct image is recovered once by the real
 * engine and read back; what came out is judged at every ledger position that can have left the
 * image. A share of the states is carried further by explore-nested.ts.
 */
import {
  type DeviceGeometries,
  type DurabilityContract,
  type LedgerView,
  type Random,
  type RecoveredState,
} from '../contract/index.ts';
import { planCrashStates, type CrashPlan, type CrashState } from '../drive/crash-states.ts';
import { ledgerWindowsOf } from '../drive/crash-windows.ts';
import { createMaterialiser, type Materialiser } from '../drive/materialise.ts';
import type { History } from '../drive/history.ts';
import type { SparseImage } from '../drive/image.ts';
import { MemoryPool } from '../drive/memory-pool.ts';
import { createSimRig, drivesOf, type SimRig, type SimRigOptions } from '../rigs/sim.ts';
import { armFaults } from './arm-faults.ts';
import { judgeWindows, type JudgedState } from './judge-windows.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { recoverAndRead, type Recovered } from './recover.ts';
import { formattedAt, roundRandom } from './record-round.ts';

/** The evidence of a round that judging needs: it stands in the run directory. */
export interface RoundEvidence {
  readonly round: number;
  readonly history: History;
  readonly ledger: LedgerView;
}

/** Crash states of one round: `nestedStates` of the `states` follow from a recovery. */
export interface ExploreBudget {
  readonly states: number;
  readonly nestedStates: number;
}

export class RoundExplorer {
  readonly ready: ReadyScenario;
  readonly evidence: RoundEvidence;
  readonly budget: ExploreBudget;
  /** Of the drives that were recorded: a real one may be smaller than the scenario says. */
  readonly geometries: DeviceGeometries;
  readonly contract: DurabilityContract;
  readonly random: Random;
  #plan: CrashPlan | undefined;
  #materialiser: Materialiser | undefined;
  readonly #memory = new MemoryPool();

  constructor(ready: ReadyScenario, evidence: RoundEvidence, budget: ExploreBudget) {
    this.ready = ready;
    this.evidence = evidence;
    this.budget = budget;
    this.geometries = geometriesOfHistory(evidence.history);
    this.contract = ready.engine.contractFor(ready.engineConfig, this.geometries);
    this.random = roundRandom(ready.scenario.seed, evidence.round).fork('explore');
  }

  /** Made when first asked for: where threads explore, this one may never need it. */
  get plan(): CrashPlan {
    this.#plan ??= planCrashStates(this.evidence.history, {
      statesMax: Math.max(1, this.budget.states - this.budget.nestedStates),
      random: this.random.fork('plan'),
      bornAfter: formattedAt(this.evidence.history),
    });
    return this.#plan;
  }

  /** What the crash left on each drive, in the order of their numbers. */
  imagesOf(state: CrashState): readonly SparseImage[] {
    this.#materialiser ??= createMaterialiser(this.plan);
    return this.#materialiser.images(state);
  }

  async judge(index: number): Promise<JudgedState> {
    const { ready, evidence } = this;
    const state = this.plan.states[index]!;
    const { rig, recovered, reopened } = await this.recover(state);
    const judged = judgeWindows({
      ready,
      contract: this.contract,
      id: `${evidence.round}:${index}`,
      digest: state.digest,
      ledger: evidence.ledger,
      windows: ledgerWindowsOf(evidence.history, state),
      recovered: recovered.state,
      recoveryFirings: rig.firings,
      ...(reopened === undefined ? {} : { reopened }),
    });
    this.release(rig);
    return judged;
  }

  /** Stops whatever the engine still has scheduled on a bounded rig, and takes its memory back. */
  release(rig: SimRig): void {
    rig.timeline.halt();
    this.#memory.reset();
  }

  /** Recovers a state on drives of its own, with the recovery-phase faults armed. */
  async recover(state: CrashState): Promise<RecoveredRig> {
    const random = this.random.fork(`recover-${state.digest}`);
    const rig = this.boundedRig(this.imagesOf(state), random, this.evidence.ledger);
    await armFaults(this.ready, 'recovery', { drive: rig.faults }, random);
    rig.beginWorkload();
    const recovered = await this.recoverOn(rig, this.evidence.ledger);
    const reopened = await this.#reopenHealed(rig, random);
    return { rig, recovered, reopened };
  }

  /** Drives for one recovery and its read-back: taking more requests than it may is hanging. */
  boundedRig(images: readonly SparseImage[], random: Random, ledger: LedgerView): SimRig {
    return createSimRig({
      ...this.#rigOptions(images, random),
      record: false,
      requestsMax: this.contract.recoveryRequestsMax + readBackRequestsMax(ledger),
      memory: this.#memory,
    });
  }

  recordingRig(images: readonly SparseImage[], random: Random): SimRig {
    const requestsMax = this.contract.recoveryRequestsMax + secondEpochRequestsMax;
    return createSimRig({ ...this.#rigOptions(images, random), record: true, requestsMax });
  }

  #rigOptions(images: readonly SparseImage[], random: Random): Omit<SimRigOptions, 'record'> {
    const { engine, engineConfig } = this.ready;
    const areas = engine.areasOf(engineConfig, this.geometries);
    return { ...drivesOf(this.geometries, images), random, areas };
  }

  recoverOn(rig: SimRig, ledger: LedgerView): Promise<Recovered> {
    return recoverAndRead({
      ready: this.ready,
      devices: rig.devices,
      platform: rig.platform,
      ledger,
      dead: () => rig.timeline.whenIdle(),
      requests: () => rig.requests,
    });
  }

  /**
   * A recovery that gave up on an injected fault has lost nothing yet, if it left the drives as they
   * were; one that went on may serve from memory what it has spoilt on the drives. The fault is healed
   * and the engine opened again: now it must come up whole.
   */
  async #reopenHealed(rig: SimRig, random: Random): Promise<RecoveredState | undefined> {
    if (rig.firings.length === 0) return undefined;
    const healed = this.boundedRig(
      rig.drives.map(({ image }) => image.fork()),
      random.fork('healed'),
      this.evidence.ledger,
    );
    const { state } = await this.recoverOn(healed, this.evidence.ledger);
    healed.timeline.halt();
    return state;
  }
}

export interface RecoveredRig {
  readonly rig: SimRig;
  readonly recovered: Recovered;
  readonly reopened: RecoveredState | undefined;
}

function geometriesOfHistory({ devices }: History): DeviceGeometries {
  const [main, data] = devices;
  return { main: main!.geometry, ...(data && { data: data.geometry }) };
}

/** Far more than the few operations of a second epoch take; an engine that never ends is stopped. */
const secondEpochRequestsMax = 20_000;

/** Reading back has no bound in the contract: this one only stops an engine that never ends. */
function readBackRequestsMax(ledger: LedgerView): number {
  return 256 * (ledger.blocks.length + ledger.entries.length) + 4096;
}
