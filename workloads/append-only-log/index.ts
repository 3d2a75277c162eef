/**
 * Records are appended to a log, and the log is synced after every few: then they are committed, and
 * must be there after a crash, whole and in order. What comes after them may be anything.
 */
import { z } from 'zod';
import type {
  FileOp,
  FileWorkloadScope,
  InvariantContext,
  ObservedTree,
} from '../../harness/contract/index.ts';
import { defineFileRecipe } from '../file-recipe.ts';
import { contentOf, shows, Writings } from '../file-writings.ts';

const options = z.strictObject({
  /** How a commit syncs the log; `none` leaves it out. */
  sync: z.enum(['fsync', 'fdatasync', 'none']).default('fdatasync'),
  /** Sync the directory once the log has been created. */
  fsyncDirectory: z.boolean().default(true),
  recordsPerCommit: z.int().min(1).max(1000).default(2),
  recordBytesMin: z.int().min(1).default(100),
  recordBytesMax: z.int().min(1).default(5000),
});

type Options = z.output<typeof options>;

const path = 'log';

export default defineFileRecipe<Options>({
  name: 'append-only-log',
  summary: 'appends records to a log and syncs it after every few',
  options,
  *steps(scope, chosen) {
    yield { kind: 'create', path };
    // A file that may be gone can be synced to no purpose.
    if (chosen.fsyncDirectory) yield { kind: 'fsync', path: '' };
    for (let byteCount = 0; ;) {
      for (let record = 0; record < chosen.recordsPerCommit; record++) {
        const size = drawSize(scope, chosen);
        if (byteCount + size > scope.bytesMax) return;
        byteCount += size;
        yield { kind: 'append', path, byteCount: size };
      }
      yield* commit(chosen);
    }
  },
  invariant: findMissing,
});

function* commit({ sync }: Options): Generator<FileOp, void, void> {
  if (sync !== 'none') yield { kind: sync, path };
}

function drawSize({ random }: FileWorkloadScope, chosen: Options): number {
  const { recordBytesMin, recordBytesMax } = chosen;
  return recordBytesMin + random.below(Math.max(1, recordBytesMax - recordBytesMin + 1));
}

function findMissing(
  tree: ObservedTree,
  context: InvariantContext,
  chosen: Options,
): string | undefined {
  const { records, committed } = recordsIn(context, chosen);
  if (committed === 0) return undefined;
  const content = contentOf(tree.get(path));
  if (content === undefined) return `the log is missing, with ${committed} committed records`;
  const broken = records.all
    .slice(0, committed)
    .findIndex((record) => !shows(content, record, context));
  if (broken < 0) return undefined;
  return `record ${broken + 1} of ${committed} committed ones is not whole in the log of ${content.length} bytes`;
}

/** A commit is acknowledged with its sync or, where that is left out, with its last record. */
function recordsIn(
  { ops }: InvariantContext,
  { sync, recordsPerCommit }: Options,
): { records: Writings; committed: number } {
  const records = new Writings();
  let committed = 0;
  for (const { id, op, acknowledged } of ops) {
    if (op.kind === 'append') {
      records.append(id, op.byteCount);
      const isLast = records.all.length % recordsPerCommit === 0;
      if (sync === 'none' && isLast && acknowledged) committed = records.all.length;
    } else if (op.kind === sync && op.path === path && acknowledged) {
      committed = records.all.length;
    }
  }
  return { records, committed };
}
