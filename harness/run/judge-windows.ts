import type {
  CrashWindow,
  DurabilityContract,
  FaultClass,
  FaultFiring,
  LedgerView,
  RecoveredState,
  Violation,
} from '../contract/index.ts';
import { judge } from '../verify/judge.ts';
import { builtInVerifiers } from '../verify/built-in-verifiers.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { promiseToJudgeBy } from './promise-in-force.ts';

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
  /** Violations found where none of the scenario's faults had fired, though it has some to fire. */
  readonly unprovoked: number;
  readonly recoveryRequests: number;
  readonly recoveryFirings: readonly FaultFiring[];
}

export function judgeWindows(state: StateToJudge): JudgedState {
  const violations: Violation[] = [];
  let excused = 0;
  let unprovoked = 0;
  let detected = false;
  for (const window of state.windows) {
    const judgement = judgeOne(state, window);
    violations.push(...judgement.violations);
    excused += judgement.excused.length;
    if (isUnprovoked(state, window)) unprovoked += judgement.violations.length;
    detected ||= judgement.detected;
  }
  return {
    id: state.id,
    digest: state.digest,
    windows: state.windows.map(({ window }) => window),
    outcome: outcomeOf(violations.length, excused, detected),
    violations,
    excused,
    unprovoked,
    recoveryRequests: state.recovered.recoveryRequests,
    recoveryFirings: state.recoveryFirings,
  };
}

/**
 * A power cut is what every crash state stands for: it explains nothing that another cut does not.
 */
function isUnprovoked(
  { ready, recoveryFirings }: StateToJudge,
  { firings }: WindowToJudge,
): boolean {
  const explains = ({ faultClass }: { readonly faultClass: FaultClass }): boolean =>
    faultClass !== 'power-loss';
  if (!ready.faults.some(({ module }) => explains(module))) return false;
  return ![...firings, ...recoveryFirings].some(explains);
}

/**
 * With a fault during recovery the first attempt is judged by the promise about that fault; if it
 * gave up on it, what opening again gave is judged by what had fired before.
 */
function judgeOne(
  state: StateToJudge,
  { window, firings, uninterrupted }: WindowToJudge,
): ReturnType<typeof judge> {
  const { ready, contract, ledger } = state;
  const gaveUp = state.reopened !== undefined;
  const inForce = gaveUp ? firings : [...firings, ...state.recoveryFirings];
  const recovered = state.reopened ?? state.recovered;
  return judge(
    {
      contract,
      promise: promiseToJudgeBy(ready.scenario, contract, inForce),
      ledger,
      window,
      recovered,
      ...(uninterrupted === undefined ? {} : { uninterrupted }),
      invariantBroken: invariantOf(ready, recovered),
    },
    [...builtInVerifiers, ...ready.verifiers],
  );
}

function invariantOf(ready: ReadyScenario, recovered: RecoveredState): string | undefined {
  if (!recovered.opened) return undefined;
  return ready.workload.invariant?.(recovered.values, ready.workloadOptions);
}

function outcomeOf(violations: number, excused: number, detected: boolean): JudgedState['outcome'] {
  if (violations > 0) return 'violated';
  if (detected) return 'detected';
  return excused > 0 ? 'excused' : 'intact';
}
