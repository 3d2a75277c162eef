import type {
  CellResult,
  EngineFacts,
  Failure,
  FaultFiring,
  FaultPromise,
  FlushIntervalCoverage,
  LatencySummary,
  PromisedDurability,
  WriteAmplification,
} from '../contract/index.ts';
import { mergeLatencySummaries } from '../measure/latency-histogram.ts';
import { addWriteAmplification } from '../measure/write-amplification.ts';
import { faultNames, shownFaults } from './arm-faults.ts';
import { decideVerdict, meetsExpectation, type CellEvidence } from './decide-verdict.ts';
import type { JudgedState } from './judge-windows.ts';
import type { OutcomeCounts } from './outcome-counts.ts';
import type { AnyReadyScenario } from './plugin-sources.ts';
import { weakerPromise } from './promise-in-force.ts';
import { mergeEngineFacts } from './merge-engine-facts.ts';
import { CellTally } from './tally.ts';

/** What one run of the workload adds to its cell beside crash states. */
export interface RoundFigures {
  readonly outcomes: OutcomeCounts;
  readonly latency: LatencySummary | undefined;
  readonly amplification: WriteAmplification | undefined;
  readonly engineFacts: EngineFacts | undefined;
  readonly firings: readonly FaultFiring[];
  readonly coverage: readonly FlushIntervalCoverage[];
  /** The promise the round is judged by once all its faults have fired. */
  readonly promise: FaultPromise;
  /** The engine's contract on the devices of the round. */
  readonly contract: PromisedDurability;
}

/** Adds up a cell, whatever rig it ran on, and draws the result from the sum. */
export class CellAccount {
  readonly tally = new CellTally();
  /** Why the evidence is not complete. */
  readonly gaps = new Set<string>();
  readonly #ready: AnyReadyScenario;
  readonly #outcomes = { invoked: 0, acknowledged: 0, changes: 0, rejected: 0, indeterminate: 0 };
  readonly #latencies: LatencySummary[] = [];
  readonly #amplification: WriteAmplification[] = [];
  readonly #engineFacts: EngineFacts[] = [];
  readonly #stateLines: string[] = [];
  #rounds = 0;
  #promise: FaultPromise | undefined;
  #contract: PromisedDurability | undefined;

  constructor(ready: AnyReadyScenario) {
    this.#ready = ready;
  }

  addRound(figures: RoundFigures): void {
    this.#rounds++;
    this.#outcomes.invoked += figures.outcomes.invoked;
    this.#outcomes.acknowledged += figures.outcomes.acknowledged;
    this.#outcomes.changes += figures.outcomes.changes;
    this.#outcomes.rejected += figures.outcomes.rejected;
    this.#outcomes.indeterminate += figures.outcomes.indeterminate;
    if (figures.latency !== undefined) this.#latencies.push(figures.latency);
    if (figures.amplification !== undefined) this.#amplification.push(figures.amplification);
    if (figures.engineFacts !== undefined) this.#engineFacts.push(figures.engineFacts);
    this.tally.addFirings(figures.firings);
    this.tally.coverage.push(...figures.coverage);
    this.#notePromise(figures.promise);
    this.#contract ??= figures.contract;
  }

  addState(state: JudgedState): void {
    this.tally.add(state);
    if (state.promise !== undefined) this.#notePromise(state.promise);
    if (state.gap !== undefined) this.gaps.add(state.gap);
    const windows = state.windows.map(({ first, last }) => [first, last]);
    this.#stateLines.push(JSON.stringify([state.id, state.digest, state.outcome, windows]));
  }

  #notePromise(promise: FaultPromise): void {
    this.#promise = this.#promise === undefined ? promise : weakerPromise(this.#promise, promise);
  }

  /** `states.jsonl`: what came of every state, byte for byte the same for the same seed. */
  stateLog(): string {
    return this.#stateLines.map((line) => `${line}\n`).join('');
  }

  result(id: string, failures: readonly Failure[], tookMs: number): CellResult {
    const { scenario, engine, workload } = this.#ready;
    const promise = this.#promise ?? { level: 'nothing', citation: 'no round was run' };
    const counts = this.#counts();
    const names = faultNames(this.#ready);
    const silentFaults = names.filter((name) => !this.tally.firedFaults.has(name));
    const evidence: CellEvidence = {
      counts,
      changesAcknowledged: this.#outcomes.changes,
      promise,
      kinds: this.tally.kinds,
      excused: this.tally.excused,
      unprovoked: this.tally.unprovoked,
      silentFaults,
      gaps: [...this.gaps, ...this.#missingNested()],
    };
    const verdict = decideVerdict(evidence);
    return {
      id,
      scenario,
      engine: engine.name,
      workload: workload.name,
      faults: shownFaults(this.#ready),
      promise: describePromise(promise),
      promisedDurability: this.#contract && durabilityOf(this.#contract),
      verdict,
      expectation: scenario.expect,
      expectationMet: meetsExpectation(scenario.expect, verdict, evidence),
      counts,
      firings: this.tally.firings,
      coverage: this.tally.coverage,
      failures,
      latency: this.#latencies.length === 0 ? undefined : mergeLatencySummaries(this.#latencies),
      writeAmplification:
        this.#amplification.length === 0 ? undefined : addWriteAmplification(this.#amplification),
      recovery: this.tally.recovery.statistics(),
      engineFacts: mergeEngineFacts(this.#engineFacts),
      tookMs,
    };
  }

  /**
   * Crashes during a recovery were asked for and none was judged. Where the engine refuses some states,
   * the recoveries chosen for that may have been among them: that says nothing against it.
   */
  #missingNested(): readonly string[] {
    const { nestedStates } = this.#ready.scenario.explore;
    const asked = nestedStates > 0 && this.#ready.scenario.rig === 'sim';
    const { nestedStates: judged, statesDetected, imagesRecovered } = this.tally;
    if (!asked || judged > 0 || statesDetected > 0 || imagesRecovered === 0) return [];
    // A cell that was stopped says so already.
    if (this.gaps.size > 0) return [];
    return ['no crash during or after a recovery could be judged'];
  }

  #counts(): CellResult['counts'] {
    const { tally } = this;
    return {
      rounds: this.#rounds,
      opsInvoked: this.#outcomes.invoked,
      opsAcknowledged: this.#outcomes.acknowledged,
      opsRejected: this.#outcomes.rejected,
      opsIndeterminate: this.#outcomes.indeterminate,
      statesJudged: tally.statesJudged,
      imagesRecovered: tally.imagesRecovered,
      nestedStates: tally.nestedStates,
      statesDetected: tally.statesDetected,
      violations: tally.violations,
      acknowledgedNotDurable: tally.acknowledgedNotDurable,
      exposedBlocks: tally.exposedBlocks,
    };
  }
}

/** Without what the contract says of single faults: a cell has the promise that was in force. */
function durabilityOf(contract: PromisedDurability): PromisedDurability {
  const { durableWhen, atomicUnit, ordering, unflushedContents } = contract;
  return { durableWhen, atomicUnit, ordering, unflushedContents };
}

function describePromise(promise: FaultPromise): string {
  const except = promise.except === undefined ? '' : `, except ${promise.except}`;
  return `${promise.level}${except} (${promise.citation})`;
}
