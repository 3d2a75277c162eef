/**
 * A file is replaced as a whole: its new contents go to another file, which is then renamed over it.
 * Whoever reads the target sees one version or the next, even after a crash; but only if the new
 * file is synced before the rename. Without that, many file systems of 2009 left the target empty
 * (REQUIREMENTS B11).
 */
import { z } from 'zod';
import type {
  FileOp,
  FilePath,
  FileWorkloadScope,
  InvariantContext,
  ObservedTree,
} from '../../harness/contract/index.ts';
import { appendInPieces, defineFileRecipe } from '../file-recipe.ts';
import { contentOf, isWhole, Writings } from '../file-writings.ts';

const options = z.strictObject({
  /** Sync the new file before it is renamed. */
  fsync: z.boolean().default(true),
  /** Sync the directory after the rename. */
  fsyncDirectory: z.boolean().default(true),
  files: z.int().min(1).max(64).default(2),
  bytesMin: z.int().min(1).default(3000),
  bytesMax: z.int().min(1).default(14_000),
  pieceBytes: z.int().min(1).default(4096),
});

type Options = z.output<typeof options>;

const directory = 'settings';

export default defineFileRecipe<Options>({
  name: 'atomic-replace',
  summary: 'replaces files as a whole: write another, sync it, rename it over, sync the directory',
  options,
  *steps(scope, chosen) {
    yield { kind: 'mkdir', path: directory };
    for (let file = 0; file < chosen.files; file++) {
      const path = `${directory}/${file}`;
      yield { kind: 'create', path };
      yield* write(path, scope, chosen);
      yield { kind: 'fsync', path };
    }
    yield { kind: 'fsync', path: directory };
    yield { kind: 'fsync', path: '' };
    for (;;) yield* replace(`${directory}/${scope.random.below(chosen.files)}`, scope, chosen);
  },
  invariant: findBroken,
});

function* replace(
  path: FilePath,
  scope: FileWorkloadScope,
  chosen: Options,
): Generator<FileOp, void, void> {
  const temporary = `${path}.new`;
  yield { kind: 'create', path: temporary };
  yield* write(temporary, scope, chosen);
  if (chosen.fsync) yield { kind: 'fsync', path: temporary };
  yield { kind: 'rename', path: temporary, to: path };
  if (chosen.fsyncDirectory) yield { kind: 'fsync', path: directory };
}

/** Twice as much has room: each target, and the new one beside it. */
function write(
  path: FilePath,
  { random, bytesMax }: FileWorkloadScope,
  chosen: Options,
): Generator<FileOp, void, void> {
  const most = Math.max(1, Math.min(chosen.bytesMax, Math.floor(bytesMax / (chosen.files + 1))));
  const least = Math.min(chosen.bytesMin, most);
  return appendInPieces(path, least + random.below(most - least + 1), chosen.pieceBytes);
}

/** Each target is one whole version, from when the first ones were all in place. */
function findBroken(tree: ObservedTree, context: InvariantContext): string | undefined {
  const { versions, isSetUp } = versionsIn(context);
  if (!isSetUp) return undefined;
  for (const [path, wholes] of versions) {
    const content = contentOf(tree.get(path));
    if (content === undefined) return `${path} is missing`;
    if (wholes.findLast((whole) => isWhole(content, whole, context)) !== undefined) continue;
    const size = content.length === 0 ? 'has zero length' : `of ${content.length} bytes`;
    return `${path} ${size} and is none of the ${wholes.length} versions that it was given`;
  }
  return undefined;
}

interface Versions {
  readonly versions: ReadonlyMap<FilePath, readonly Writings[]>;
  /** Whether the first version of each was made durable. */
  readonly isSetUp: boolean;
}

function versionsIn({ ops }: InvariantContext): Versions {
  const written = new Map<FilePath, Writings>();
  const versions = new Map<FilePath, Writings[]>();
  let isSetUp = false;
  for (const { id, op, acknowledged } of ops) {
    if (op.kind === 'create') written.set(op.path, new Writings());
    else if (op.kind === 'append') written.get(op.path)?.append(id, op.byteCount);
    else if (op.kind === 'rename') versions.get(op.to)?.push(written.get(op.path)!);
    else if (op.kind === 'fsync' && op.path === '' && acknowledged && !isSetUp) {
      isSetUp = true;
      for (const [path, whole] of written) versions.set(path, [whole]);
    }
  }
  return { versions, isSetUp };
}
