import type { VolumeSpace } from './engine.ts';
import type { Op, OpKind, Outcome } from './op.ts';
import type { OptionSchema, Plugin } from './plugin.ts';
import type { Random } from './random.ts';
import type { OpId } from './units.ts';

export interface WorkloadScope {
  readonly space: VolumeSpace;
  readonly opsMax: number;
  readonly queueDepth: number;
  readonly random: Random;
}

/** No clock, no I/O, no chance but the scope's: the same scope and outcomes give the same ops. */
export interface Workload<Options = unknown> extends Plugin<'workload'> {
  readonly requires: readonly OpKind[];
  readonly options: OptionSchema<Options>;
  start(scope: WorkloadScope, options: Options): WorkloadRun;
  /**
   * A property of the recovered volume beyond the ledger (the bank's conserved sum): what is wrong,
   * or undefined. `values` holds the stamped value per block, NaN where a block is not stamped.
   */
  invariant?(values: Float64Array, options: Options): string | undefined;
}

export interface WorkloadRun {
  /** The next operation, `'wait'` until one in flight has settled, or undefined at the end. */
  next(): Op | 'wait' | undefined;
  settled(id: OpId, op: Op, outcome: Outcome): void;
}
