/**
 * What the process that hosts the engine on a real device tells the harness, one JSON array a line on
 * a pipe of its own. It is written with a blocking write before the engine is given the operation, so
 * that the line is in the kernel's pipe, and outlives a SIGKILL, before anything can reach the disk.
 */
import type {
  BlockDamage,
  EngineCounters,
  EngineFacts,
  Op,
  OpId,
  Outcome,
  RecoveredState,
} from '../contract/index.ts';

export type HostMessage =
  | readonly ['recovered', SavedRecoveredState]
  | readonly ['facts', EngineFacts]
  | readonly ['invoke', OpId, Op, writer: number, atNs: number]
  | readonly ['settle', OpId, Outcome, atNs: number]
  | readonly ['counters', EngineCounters]
  | readonly ['end', 'finished' | 'engine-stopped'];

/** A RecoveredState as JSON keeps it: typed arrays and maps as lists, NaN as null. */
export type SavedRecoveredState =
  | {
      readonly opened: true;
      readonly blocks: readonly number[];
      readonly log: readonly number[];
      readonly damage: readonly (readonly [number, BlockDamage])[];
      readonly values: readonly (number | null)[];
      readonly logDamage: readonly (readonly [number, BlockDamage])[];
      readonly recoveryRequests: number;
      readonly recoveryNs: number;
    }
  | Extract<RecoveredState, { opened: false }>;

export function saveRecovered(state: RecoveredState): SavedRecoveredState {
  if (!state.opened) return state;
  return {
    opened: true,
    blocks: [...state.observed.blocks],
    log: [...state.observed.log],
    damage: [...state.damage],
    values: Array.from(state.values, (value) => (Number.isNaN(value) ? null : value)),
    logDamage: [...state.logDamage],
    recoveryRequests: state.recoveryRequests,
    recoveryNs: state.recoveryNs,
  };
}

export function restoreRecovered(saved: SavedRecoveredState): RecoveredState {
  if (!saved.opened) return saved;
  return {
    opened: true,
    observed: { blocks: Int32Array.from(saved.blocks), log: Int32Array.from(saved.log) },
    damage: new Map(saved.damage),
    values: Float64Array.from(saved.values, (value) => value ?? NaN),
    logDamage: new Map(saved.logDamage),
    recoveryRequests: saved.recoveryRequests,
    recoveryNs: saved.recoveryNs,
  };
}
