import {
  pluginApiVersion,
  type FileOp,
  type FileWorkload,
  type FileWorkloadRun,
  type FileWorkloadScope,
  type InvariantContext,
  type ObservedTree,
  type OptionSchema,
} from '../harness/contract/index.ts';

interface FileRecipe<Options> {
  readonly name: string;
  readonly summary: string;
  readonly options: OptionSchema<Options>;
  /** Yields operations without end; it is cut at the most that the scope allows. */
  steps(scope: FileWorkloadScope, options: Options): Generator<FileOp, void, void>;
  invariant(tree: ObservedTree, context: InvariantContext, options: Options): string | undefined;
}

/**
 * Makes the plug-in of a recipe by which applications keep files, with the invariant that they count on.
 * An application stops at the first operation that fails.
 */
export function defineFileRecipe<Options>(recipe: FileRecipe<Options>): FileWorkload<Options> {
  const { name, summary, options } = recipe;
  return {
    kind: 'workload',
    medium: 'files',
    apiVersion: pluginApiVersion,
    name,
    summary,
    options,
    start(scope, chosen): FileWorkloadRun {
      const steps = recipe.steps(scope, chosen);
      let opsLeft = scope.opsMax;
      return {
        next(): FileOp | undefined {
          if (opsLeft-- <= 0) return undefined;
          const { done, value } = steps.next();
          return done === true ? undefined : value;
        },
        settled(_id, _op, outcome): void {
          if (outcome.status === 'failed') opsLeft = 0;
        },
      };
    },
    invariant: (tree, context, chosen) => recipe.invariant(tree, context, chosen),
  };
}

/** Appends so many bytes in pieces of at most `pieceBytes`, as an application with a buffer does. */
export function* appendInPieces(
  path: string,
  byteCount: number,
  pieceBytes: number,
): Generator<FileOp, void, void> {
  for (let left = byteCount; left > 0; left -= pieceBytes) {
    yield { kind: 'append', path, byteCount: Math.min(left, pieceBytes) };
  }
}
