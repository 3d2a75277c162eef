import type { DurabilityContract, FaultPromise } from './engine.ts';
import type { RefusalReason } from './errors.ts';
import type { FilePath } from './file-op.ts';
import type { CrashWindow, LedgerView, ObservedContents } from './ledger.ts';
import type { Plugin } from './plugin.ts';
import type { BlockNumber, EventSeq, Epoch, LedgerPosition, Nanoseconds, OpId } from './units.ts';

/** What a block's stamp says of the block (harness/ledger/block-stamp.ts has the layout). */
export interface BlockStamp {
  readonly seed: number;
  readonly block: BlockNumber;
  readonly op: OpId;
  readonly writer: number;
  readonly epoch: Epoch;
  readonly value: number;
}

/** Why a block that was read is not one whole, right stamp. */
export type BlockDamage =
  | { readonly kind: 'zeroed' }
  /** A whole stamp of another block (or of another run). */
  | { readonly kind: 'misdirected'; readonly stamp: BlockStamp }
  /** Sectors of more than one operation; 0 stands for a sector that carries no tag of the run. */
  | { readonly kind: 'torn'; readonly sectorOps: readonly OpId[] }
  | { readonly kind: 'corrupt' }
  | { readonly kind: 'unreadable'; readonly reason: RefusalReason; readonly message: string };

/** What recovery of one crash state gave. */
export type RecoveredState =
  | {
      readonly opened: true;
      readonly observed: ObservedContents;
      readonly damage: ReadonlyMap<BlockNumber, BlockDamage>;
      /** Stamped value per block, NaN where a block is not whole. */
      readonly values: Float64Array;
      /** Damaged log records, by place in the log. */
      readonly logDamage: ReadonlyMap<number, BlockDamage>;
      readonly recoveryRequests: number;
      readonly recoveryNs: Nanoseconds;
    }
  | {
      readonly opened: false;
      /** `crashed`: the adapter threw something that is not a refusal. `hung`: over its bound. */
      readonly reason: RefusalReason | 'crashed' | 'hung';
      readonly message: string;
      readonly recoveryRequests: number;
    };

export const violationKinds = [
  'lost',
  'stale',
  'torn',
  'misdirected',
  'corrupt',
  'resurrected',
  'zeroed',
  'reordered',
  'not-atomic',
  'invariant',
  /** Shows what the medium held before it was allocated: another file's deleted data. */
  'exposed',
  /** The file system's own check finds damage. */
  'inconsistent',
  'recovery-failed',
  'recovery-not-idempotent',
] as const;

export type ViolationKind = (typeof violationKinds)[number];

export type Place =
  | { readonly kind: 'block'; readonly block: BlockNumber }
  | { readonly kind: 'log'; readonly index: number }
  | { readonly kind: 'path'; readonly path: FilePath }
  | { readonly kind: 'volume' }
  | { readonly kind: 'recovery' };

export interface Violation {
  readonly kind: ViolationKind;
  readonly place: Place;
  /** The operations concerned, the one that was broken first. */
  readonly ops: readonly OpId[];
  readonly expected: string;
  readonly found: string;
  /** The crash position at which it is a violation. */
  readonly position: LedgerPosition;
}

/** One step of the chain that made a write durable, or the statement that it is missing. */
export interface ProofStep {
  readonly what:
    | 'invoked'
    | 'write-submitted'
    | 'write-completed'
    | 'flush-submitted'
    | 'flush-completed'
    | 'acknowledged'
    | 'cut'
    | 'missing';
  readonly seq?: EventSeq;
  readonly atNs?: Nanoseconds;
  readonly text: string;
}

/** Why the harness is sure (REQUIREMENTS D2). */
export interface Proof {
  readonly op: OpId;
  readonly steps: readonly ProofStep[];
  /** One sentence: the chain holds and the engine lost it, or which link was missing at the ack. */
  readonly conclusion: string;
}

/** Everything a verifier may look at. It stands in the run directory, so it can be judged again. */
export interface Evidence {
  readonly contract: DurabilityContract;
  /** The promise in force: the weakest over the faults that had fired by the window. */
  readonly promise: FaultPromise;
  readonly ledger: LedgerView;
  readonly window: CrashWindow;
  readonly recovered: RecoveredState;
  /** For the recovery verifier: what the uninterrupted recovery of the same state gave. */
  readonly uninterrupted?: RecoveredState;
  /** What the workload's own invariant says of the recovered values, where it has one. */
  readonly invariantBroken?: string | undefined;
}

/**
 * A verifier looks at one recovered crash state and answers what is wrong with it under the contract
 * as if the promise were `survives`, at every position of the window. Pure. What the promise excuses
 * is decided in one place, after it (harness/verify/judge.ts).
 */
export interface Verifier extends Plugin<'verifier'> {
  verify(evidence: Evidence): readonly Violation[];
}

export type VerdictStatus = 'pass' | 'fail' | 'inconclusive' | 'skip' | 'error';

export interface Verdict {
  readonly status: VerdictStatus;
  /** Why it is not a pass; for a pass, what was checked. One sentence. */
  readonly reason: string;
}
