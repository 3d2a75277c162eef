/**
 * Crashes during and after a recovery. One crash state is recovered with the recovery's own requests
 * on record; the workload then goes on in a second epoch. The record is cut at every point like any
 * other history: before the recovery ended, a second recovery must serve what the first would have
 * served; after it, what was served must stay and what is acknowledged since must be there.
 */
import type {
  AckLedger,
  EngineSession,
  FaultFiring,
  LedgerPosition,
  RecoveredState,
} from '../contract/index.ts';
import { planCrashStates, type CrashPlan, type CrashState } from '../drive/crash-states.ts';
import { ledgerWindowsOf } from '../drive/crash-windows.ts';
import type { History } from '../drive/history.ts';
import { createMaterialiser } from '../drive/materialise.ts';
import { ledgerUpTo } from '../ledger/ack-ledger.ts';
import type { SparseImage } from '../drive/image.ts';
import type { SimRig } from '../rigs/sim.ts';
import { driveWorkload, type DriveOutcome } from './drive-workload.ts';
import type { RoundExplorer } from './explore-round.ts';
import { judgeWindows, type JudgedState } from './judge-windows.ts';

/** Operations of the second epoch: enough to go on writing over what recovery left. */
const secondEpochOps = 24;

/** A recovery on record, and the second epoch that followed it. */
interface NestedRecord {
  readonly parent: number;
  readonly history: History;
  readonly ledger: AckLedger;
  /** Faults that had fired before the first cut; their promise stays in force. */
  readonly firings: readonly FaultFiring[];
  /** Where the ledger stood at the first cut. */
  readonly cutAt: LedgerPosition;
  /** Where the first recovery ended; later positions belong to the second epoch. */
  readonly recoveredAt: LedgerPosition;
  readonly uninterrupted: RecoveredState;
  /** Why the second epoch shows less than it should. */
  readonly gap: string | undefined;
}

/** Judges up to `statesMax` crash states that follow from one state of the round. */
export async function exploreNested(
  explorer: RoundExplorer,
  parent: number,
  statesMax: number,
): Promise<readonly JudgedState[]> {
  const record = await recordNested(explorer, parent);
  if (record === undefined) return [];
  const plan = planNested(explorer, record, statesMax);
  const materialiser = createMaterialiser(plan);
  const judged: JudgedState[] = [];
  for (const state of plan.states) {
    judged.push(await judgeNested(explorer, record, state, materialiser.images(state)));
  }
  // The first of them carries what its record lacks, into the account of the cell.
  const [first, ...others] = judged;
  if (record.gap === undefined || first === undefined) return judged;
  return [{ ...first, gap: record.gap }, ...others];
}

/** Recovers the parent state and drives a second epoch; undefined where the engine did not open. */
export async function recordNested(
  explorer: RoundExplorer,
  parent: number,
): Promise<NestedRecord | undefined> {
  const { evidence } = explorer;
  const state = explorer.plan.states[parent]!;
  const lastWindow = ledgerWindowsOf(evidence.history, state).at(-1)!;
  const random = explorer.random.fork(`nested-${state.digest}`);
  const rig = explorer.recordingRig(explorer.imagesOf(state), random);
  const history = rig.history!;
  const ledger = ledgerUpTo(evidence.ledger, lastWindow.window.last, (position) => {
    history.mark(position);
  });
  ledger.mark({ kind: 'crash', endedEpoch: 1 });
  const cutAt = ledger.view().end;
  const { state: uninterrupted, session } = await explorer.recoverOn(rig, ledger.view());
  if (!uninterrupted.opened || session === undefined) return undefined;
  ledger.mark({ kind: 'recovered', epoch: 2, observed: uninterrupted.observed });
  const recoveredAt = ledger.view().end;
  const { end } = await driveSecondEpoch(explorer, rig, session, ledger);
  rig.timeline.halt();
  const gap =
    end === 'dead'
      ? `after the recovery of state ${evidence.round}:${parent} the engine stopped answering`
      : undefined;
  return {
    parent,
    history,
    ledger,
    firings: lastWindow.firings,
    cutAt,
    recoveredAt,
    uninterrupted,
    gap,
  };
}

async function driveSecondEpoch(
  explorer: RoundExplorer,
  rig: SimRig,
  session: EngineSession,
  ledger: AckLedger,
): Promise<DriveOutcome> {
  const { scenario, workload, workloadOptions } = explorer.ready;
  return driveWorkload({
    session,
    workload: workload.start(
      {
        space: session.space,
        opsMax: secondEpochOps,
        queueDepth: scenario.limits.queueDepth,
        random: explorer.random.fork('second-epoch'),
      },
      workloadOptions,
    ),
    ledger,
    clock: rig.platform.clock,
    queueDepth: scenario.limits.queueDepth,
    seed: scenario.seed,
    epoch: 2,
    onInvoke: () => undefined,
    onSettle: () => undefined,
    dead: rig.timeline.whenIdle(),
  });
}

export function planNested(
  explorer: RoundExplorer,
  record: NestedRecord,
  statesMax: number,
): CrashPlan {
  const random = explorer.random.fork(`nested-plan-${record.parent}`);
  return planCrashStates(record.history, { statesMax, random });
}

export async function judgeNested(
  explorer: RoundExplorer,
  record: NestedRecord,
  state: CrashState,
  images: readonly SparseImage[],
): Promise<JudgedState> {
  const { ready, contract, evidence } = explorer;
  const ledger = record.ledger.view();
  const rig = explorer.boundedRig(images, explorer.random.fork(`recover-${state.digest}`), ledger);
  const { state: recovered } = await explorer.recoverOn(rig, ledger);
  const judged = judgeWindows({
    ready,
    contract,
    id: `${evidence.round}:${record.parent}/${state.index}`,
    digest: state.digest,
    ledger,
    windows: ledgerWindowsOf(record.history, state).map(({ window, firings }) => ({
      // The history begins where the first cut left the ledger, which its own marks cannot say.
      window: {
        first: Math.max(window.first, record.cutAt),
        last: Math.max(window.last, record.cutAt),
      },
      firings: [...record.firings, ...firings],
      ...(window.last < record.recoveredAt ? { uninterrupted: record.uninterrupted } : {}),
    })),
    recovered,
    recoveryFirings: [],
  });
  explorer.release(rig);
  return judged;
}
