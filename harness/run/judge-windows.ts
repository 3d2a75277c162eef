import type {
  CrashWindow,
  DurabilityContract,
  FaultClass,
  FaultFiring,
  FaultPromise,
  LedgerView,
  RecoveredState,
  Violation,
} from '../contract/index.ts';
import { mostLosses, noLosses, type AllowedLosses } from '../verify/allowed-losses.ts';
import { judge } from '../verify/judge.ts';
import { builtInVerifiers } from '../verify/built-in-verifiers.ts';
import type { AnyReadyScenario, ReadyScenario } from './plugin-sources.ts';
import { promiseToJudgeBy, weakerPromise } from './promise-in-force.ts';

export interface WindowToJudge {
  readonly window: CrashWindow;
  /** Faults that had fired by then. */
  readonly firings: readonly FaultFiring[];
  /** What the uninterrupted recovery gave, for cuts that came before it ended. */
  readonly uninterrupted?: RecoveredState;
}

export interface StateToJudge {
  readonly ready: ReadyScenario;
  readonly contract: DurabilityContract;
  readonly id: string;
  readonly digest: string;
  readonly ledger: LedgerView;
  readonly windows: readonly WindowToJudge[];
  readonly recovered: RecoveredState;
  readonly recoveryFirings: readonly FaultFiring[];
  /** What opening again gave, after a recovery that gave up on an injected fault. */
  readonly reopened?: RecoveredState;
}

/** What came of one crash state, over all the positions at which it was judged. */
export interface JudgedState {
  readonly id: string;
  readonly digest: string;
  readonly windows: readonly CrashWindow[];
  readonly outcome: 'intact' | 'detected' | 'excused' | 'violated';
  readonly violations: readonly Violation[];
  readonly excused: number;
  /** The most at any of the positions. */
  readonly losses: AllowedLosses;
  /** Violations found where none of the scenario's faults had fired, though it has some to fire. */
  readonly unprovoked: number;
  /** Undefined where a kernel recovered: its requests are not counted. */
  readonly recoveryRequests: number | undefined;
  readonly recoveryFirings: readonly FaultFiring[];
  /** The weakest promise that it was judged by. */
  readonly promise: FaultPromise | undefined;
  /** Why less is known than was asked for. */
  readonly gap: string | undefined;
}

export function judgeWindows(state: StateToJudge): JudgedState {
  const violations: Violation[] = [];
  let excused = 0;
  let unprovoked = 0;
  let detected = false;
  let losses = noLosses;
  let promise: FaultPromise | undefined;
  for (const window of state.windows) {
    const judgement = judgeOne(state, window);
    promise = promise && weakerPromise(promise, judgement.promise);
    promise ??= judgement.promise;
    violations.push(...judgement.violations);
    excused += judgement.excused.length;
    const fired = [...window.firings, ...state.recoveryFirings];
    if (isUnprovoked(state.ready, fired)) unprovoked += judgement.violations.length;
    detected ||= judgement.detected;
    losses = mostLosses(losses, judgement.losses);
  }
  return {
    id: state.id,
    digest: state.digest,
    windows: state.windows.map(({ window }) => window),
    outcome: outcomeOf(violations.length, excused, detected),
    violations,
    excused,
    losses,
    unprovoked,
    recoveryRequests: state.recovered.recoveryRequests,
    recoveryFirings: state.recoveryFirings,
    promise,
    gap: undefined,
  };
}

/**
 * A power cut is what every crash state stands for: it explains nothing that another cut does not.
 */
export function isUnprovoked(
  { faults }: Pick<AnyReadyScenario, 'faults'>,
  fired: readonly FaultFiring[],
): boolean {
  const explains = ({ faultClass }: { readonly faultClass: FaultClass }): boolean =>
    faultClass !== 'power-loss';
  if (!faults.some(({ module }) => explains(module))) return false;
  return !fired.some(explains);
}

interface Judgement extends ReturnType<typeof judge> {
  readonly promise: FaultPromise;
}

/**
 * With a fault during recovery, what the first attempt gave is judged by the promise about that fault.
 * That it refused is no failure while the fault is in force (a crash or a hang is). Then what opening
 * again gave is judged, by what had fired before and by those of the recovery's faults that changed
 * the medium: a read that failed once is no excuse any more.
 */
function judgeOne(state: StateToJudge, window: WindowToJudge): Judgement {
  const { recovered, reopened, recoveryFirings } = state;
  const first = judgeAttempt(state, window, recovered, recoveryFirings);
  if (reopened === undefined) return first;
  const lasting = recoveryFirings.filter(({ faultClass }) => !passing.has(faultClass));
  const second = judgeAttempt(state, window, reopened, lasting);
  const gaveUp = !recovered.opened && recovered.reason !== 'crashed' && recovered.reason !== 'hung';
  return {
    violations: [...(gaveUp ? [] : first.violations), ...second.violations],
    excused: [...(gaveUp ? [] : first.excused), ...second.excused],
    detected: first.detected || second.detected,
    losses: mostLosses(first.losses, second.losses),
    promise: weakerPromise(first.promise, second.promise),
  };
}

/** Faults that leave the medium as it was. */
const passing: ReadonlySet<FaultClass> = new Set(['stale-read', 'read-error', 'slow-device']);

function judgeAttempt(
  { ready, contract, ledger }: StateToJudge,
  { window, firings, uninterrupted }: WindowToJudge,
  recovered: RecoveredState,
  recoveryFirings: readonly FaultFiring[],
): Judgement {
  const promise = promiseToJudgeBy(ready.scenario, contract, [...firings, ...recoveryFirings]);
  const evidence = {
    contract,
    promise,
    ledger,
    window,
    recovered,
    ...(uninterrupted === undefined ? {} : { uninterrupted }),
    invariantBroken: invariantOf(ready, recovered),
  };
  return { ...judge(evidence, [...builtInVerifiers, ...ready.verifiers]), promise };
}

function invariantOf(ready: ReadyScenario, recovered: RecoveredState): string | undefined {
  if (!recovered.opened) return undefined;
  return ready.workload.invariant?.(recovered.values, ready.workloadOptions);
}

export function outcomeOf(
  violations: number,
  excused: number,
  detected: boolean,
): JudgedState['outcome'] {
  if (violations > 0) return 'violated';
  if (detected) return 'detected';
  return excused > 0 ? 'excused' : 'intact';
}
