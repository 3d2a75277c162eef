import fc from 'fast-check';
import { modelBlocks } from './setups.fixture.ts';

/** One step of what is done to a journal. Changes are submitted and not waited for. */
export type Step =
  | { readonly kind: 'write'; readonly block: number; readonly count: number }
  | { readonly kind: 'transaction'; readonly blocks: readonly number[] }
  | { readonly kind: 'append'; readonly byteCount: number }
  /** Of all appended records but the newest acknowledged one. */
  | { readonly kind: 'release' }
  /** Waits for everything that was submitted. */
  | { readonly kind: 'settle' }
  | { readonly kind: 'flush' }
  | { readonly kind: 'pause'; readonly ns: number }
  /** Closes the journal and opens it again. */
  | { readonly kind: 'reopen' }
  /** Mode `undo-redo`: a transaction in several calls. Other modes pass over it. */
  | {
      readonly kind: 'interactive';
      readonly blocks: readonly number[];
      readonly end: 'commit' | 'abort' | 'left open';
    };

type Weights = Partial<Record<Step['kind'], number>>;

export const usualWeights: Weights = {
  write: 10,
  transaction: 4,
  append: 3,
  release: 3,
  settle: 3,
  flush: 1,
  pause: 1,
  reopen: 1,
  interactive: 2,
};

export interface Lengths {
  readonly minLength: number;
  readonly maxLength: number;
}

const block = fc.nat(modelBlocks - 1);

const stepOf: Readonly<Record<Step['kind'], fc.Arbitrary<Step>>> = {
  write: fc
    .record({ block, count: fc.constantFrom(1, 1, 1, 2, 3, 6) })
    .map(({ block: from, count }) => ({
      kind: 'write',
      block: from,
      count: Math.min(count, modelBlocks - from),
    })),
  transaction: fc
    .uniqueArray(block, { minLength: 1, maxLength: 6 })
    .map((blocks) => ({ kind: 'transaction', blocks })),
  append: fc.constantFrom(5, 90, 1200, 6000).map((byteCount) => ({ kind: 'append', byteCount })),
  release: fc.constant({ kind: 'release' }),
  settle: fc.constant({ kind: 'settle' }),
  flush: fc.constant({ kind: 'flush' }),
  pause: fc.constantFrom(40_000, 2_000_000).map((ns) => ({ kind: 'pause', ns })),
  reopen: fc.constant({ kind: 'reopen' }),
  interactive: fc
    .record({
      blocks: fc.uniqueArray(block, { minLength: 1, maxLength: 2 }),
      end: fc.constantFrom('commit', 'abort', 'left open'),
    })
    .map((given) => ({ kind: 'interactive', ...given })),
};

export function scripts(
  lengths: Lengths,
  weights: Weights = usualWeights,
): fc.Arbitrary<readonly Step[]> {
  const kinds = Object.entries(weights) as [Step['kind'], number][];
  const step = fc.oneof(...kinds.map(([kind, weight]) => ({ arbitrary: stepOf[kind], weight })));
  return fc.array(step, { ...lengths, size: 'max' });
}
