import {
  violationKinds,
  type FaultFiring,
  type FlushIntervalCoverage,
  type Violation,
  type ViolationKind,
} from '../contract/index.ts';
import { RecoveryTally } from '../measure/recovery-tally.ts';
import type { JudgedState } from './judge-windows.ts';

export interface FoundViolation {
  readonly state: string;
  readonly violation: Violation;
}

/** Failures kept for the report; all of them are counted. */
const failuresKept = 50;

/** What the judged states of a cell add up to. Fed in a fixed order, so that it is reproducible. */
export class CellTally {
  statesJudged = 0;
  imagesRecovered = 0;
  nestedStates = 0;
  statesDetected = 0;
  statesViolated = 0;
  violations = 0;
  excused = 0;
  acknowledgedNotDurable = 0;
  exposedBlocks = 0;
  unprovoked = 0;
  readonly kinds = new Map<ViolationKind, number>();
  readonly firings: FaultFiring[] = [];
  readonly firedFaults = new Set<string>();
  readonly coverage: FlushIntervalCoverage[] = [];
  readonly recovery = new RecoveryTally();
  readonly #failures: FoundViolation[] = [];

  add(state: JudgedState): void {
    this.statesJudged += state.windows.length;
    this.imagesRecovered++;
    if (state.id.includes('/')) this.nestedStates++;
    if (state.outcome === 'detected') this.statesDetected++;
    if (state.outcome === 'violated') this.statesViolated++;
    this.excused += state.excused;
    this.acknowledgedNotDurable += state.losses.acknowledgedNotDurable;
    this.exposedBlocks += state.losses.exposedBlocks;
    this.unprovoked += state.unprovoked;
    if (state.recoveryRequests !== undefined) this.recovery.record(state.recoveryRequests);
    this.addFirings(state.recoveryFirings);
    for (const violation of state.violations) this.addViolation(state.id, violation);
  }

  addViolation(state: string, violation: Violation): void {
    this.violations++;
    this.kinds.set(violation.kind, (this.kinds.get(violation.kind) ?? 0) + 1);
    this.#keepWorst({ state, violation });
  }

  /** Recovery faults fire once a state: the first of each fault tells the reader enough. */
  addFirings(firings: readonly FaultFiring[]): void {
    for (const firing of firings) {
      this.firedFaults.add(firing.fault);
      if (this.firings.length < failuresKept) this.firings.push(firing);
    }
  }

  /** The worst kind first, then in the order of discovery. */
  worst(): readonly FoundViolation[] {
    return this.#failures;
  }

  #keepWorst(found: FoundViolation): void {
    const rank = rankOf(found);
    let at = this.#failures.length;
    while (at > 0 && rankOf(this.#failures[at - 1]!) > rank) at--;
    if (at < failuresKept) this.#failures.splice(at, 0, found);
    if (this.#failures.length > failuresKept) this.#failures.pop();
  }
}

function rankOf({ violation }: FoundViolation): number {
  return violationKinds.indexOf(violation.kind);
}
