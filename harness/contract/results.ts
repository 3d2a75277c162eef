import type { DurabilityContract, EngineFact } from './engine.ts';
import type { FaultFiring } from './fault.ts';
import type { Expectation, Scenario } from './scenario.ts';
import type { BlockStamp, Proof, Verdict, Violation } from './verifier.ts';

/** Crash states of one flush interval: the span between two effective flushes of a drive. */
export interface FlushIntervalCoverage {
  readonly round: number;
  readonly interval: number;
  readonly checked: number;
  /** Log10 of the number of legal states; they can be more than a double holds. */
  readonly legalLog10: number;
}

export interface HexDump {
  readonly byteOffset: number;
  readonly hex: string;
}

export interface Failure {
  readonly violation: Violation;
  /** Crash-state id, as `powercut replay DIR#STATE` takes it. */
  readonly state: string;
  readonly reproduce: string;
  readonly proof: Proof | undefined;
  /** Bytes of the block as they should be and as they were read, where there is a block. */
  readonly expectedBytes: HexDump | undefined;
  readonly foundBytes: HexDump | undefined;
  readonly foundStamp: BlockStamp | undefined;
}

export interface LatencySummary {
  readonly count: number;
  readonly p50Ns: number;
  readonly p90Ns: number;
  readonly p99Ns: number;
  readonly p999Ns: number;
  readonly maxNs: number;
  /** Standard HdrHistogram V2 encoding, base64, so that runs can be merged by adding. */
  readonly histogram: string;
  /** `virtual`: the twin's modelled time, never a performance figure. */
  readonly clock: 'virtual' | 'real';
}

export interface WriteAmplification {
  readonly userBytes: number;
  /** Bytes the engine submitted, by purpose. */
  readonly engineBytes: Readonly<Record<string, number>>;
  /** Bytes the drive received; undefined where it cannot be known (never 0 for unknown). */
  readonly deviceBytes: number | undefined;
  readonly flushes: number;
  readonly fuaWrites: number;
  /** Of a modelled drive of flash, where the scenario has one. Simulated: no other level counts it. */
  readonly simulatedFlash?: SimulatedFlashWrites;
}

export interface SimulatedFlashWrites {
  /** Bytes that the drive got from the host. */
  readonly hostBytes: number;
  readonly programmedBytes: number;
  readonly erases: number;
}

export interface CellCounts {
  readonly rounds: number;
  readonly opsInvoked: number;
  readonly opsAcknowledged: number;
  readonly opsRejected: number;
  readonly opsIndeterminate: number;
  /** Crash states judged (a state is one image with one way of coming about). */
  readonly statesJudged: number;
  /** Distinct images recovered. */
  readonly imagesRecovered: number;
  /** Of these, crashes during or after a recovery. */
  readonly nestedStates: number;
  /** States that the engine refused to open or to read, as its promise allows. */
  readonly statesDetected: number;
  readonly violations: number;
  /**
   * Acknowledged operations that crash states had lost, as the contract allows of what was not
   * flushed. Added up over the states.
   */
  readonly acknowledgedNotDurable: number;
  /** Blocks that showed what the contract allows only for what was not flushed; likewise. */
  readonly exposedBlocks: number;
}

/** The result of one scenario: a cell of the engine × fault matrix. */
export interface CellResult {
  readonly id: string;
  readonly scenario: Scenario;
  readonly engine: string;
  readonly workload: string;
  readonly faults: readonly string[];
  /** The promise the cell was judged by, in words. */
  readonly promise: string;
  /** What the engine promises of every crash in this set-up; undefined where no round was run. */
  readonly promisedDurability: PromisedDurability | undefined;
  readonly verdict: Verdict;
  readonly expectation: Expectation;
  readonly expectationMet: boolean;
  readonly counts: CellCounts;
  readonly firings: readonly FaultFiring[];
  readonly coverage: readonly FlushIntervalCoverage[];
  /** The worst first, at most 50; `counts.violations` has them all. */
  readonly failures: readonly Failure[];
  readonly latency: LatencySummary | undefined;
  readonly writeAmplification: WriteAmplification | undefined;
  readonly recovery: RecoveryStatistics | undefined;
  /** What the engine said of itself; undefined where it says nothing, or was never opened. */
  readonly engineFacts: FactsOfRounds | undefined;
  readonly tookMs: number;
}

/** The part of a contract by which set-ups of an engine differ, whatever the fault. */
export type PromisedDurability = Pick<
  DurabilityContract,
  'durableWhen' | 'atomicUnit' | 'ordering' | 'unflushedContents'
>;

/**
 * The values of each fact, different ones once. Rounds can differ: each begins with a new device, and
 * what is measured on it.
 */
export type FactsOfRounds = Readonly<Record<string, readonly EngineFact[]>>;

export interface RecoveryStatistics {
  readonly count: number;
  readonly requestsMedian: number;
  readonly requestsMax: number;
}

export interface HostFacts {
  readonly kernel: string;
  readonly node: string;
  readonly cpuModel: string;
  readonly cpuCount: number;
  readonly memoryBytes: number;
  /** Governor, mitigations and the like, by names for people; what the machine hides is said in words. */
  readonly machine?: Readonly<Record<string, string | number>>;
  /** Facts of the opened device, where a real one was used. */
  readonly device?: Readonly<Record<string, string | number | boolean>>;
  /** The same of the data device. */
  readonly dataDevice?: Readonly<Record<string, string | number | boolean>>;
}

/** `run.json`: what was to be run and what came of it. */
export interface RunSummary {
  readonly schemaVersion: 1;
  readonly runId: string;
  readonly toolVersion: string;
  readonly startedAt: string;
  readonly tookMs: number;
  readonly command: string;
  readonly seed: number;
  readonly host: HostFacts;
  /** Ids of the cells that were planned; one without a result makes the run inconclusive. */
  readonly expectedCells: readonly string[];
  readonly cells: readonly CellResult[];
  readonly verdict: Verdict;
  readonly exitCode: number;
}
