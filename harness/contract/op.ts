import type { BlockNumber } from './units.ts';

/** One block of an operation. `value` travels in the block's stamp (the bank keeps balances there). */
export interface BlockChange {
  readonly block: BlockNumber;
  readonly value?: number;
}

/** What a workload asks of an engine. Blocks are the engine's (`VolumeSpace`), not the device's. */
export type Op =
  /** Writes `blockCount` blocks from `block`; each block is atomic on its own. */
  | { readonly kind: 'write'; readonly block: BlockNumber; readonly blockCount: number }
  /** Changes all blocks or none. */
  | { readonly kind: 'transaction'; readonly changes: readonly BlockChange[] }
  /** Everything acknowledged before it is invoked is durable when it is acknowledged. */
  | { readonly kind: 'flush' }
  /** Appends a record of `byteCount` payload bytes to the log. */
  | { readonly kind: 'append'; readonly byteCount: number };

export type OpKind = Op['kind'];

export type Outcome =
  | { readonly status: 'acknowledged' }
  /** The engine promises that the operation had and will have no effect. */
  | { readonly status: 'rejected'; readonly reason: string }
  /** It may or may not have taken effect, now or later; both must be accepted. */
  | { readonly status: 'indeterminate'; readonly reason: string };

/** The blocks an operation changes, in the order in which its payload holds them. */
export function changesOf(op: Op): readonly BlockChange[] {
  switch (op.kind) {
    case 'write':
      return Array.from({ length: op.blockCount }, (_, index) => ({ block: op.block + index }));
    case 'transaction':
      return op.changes;
    case 'flush':
    case 'append':
      return [];
  }
}
