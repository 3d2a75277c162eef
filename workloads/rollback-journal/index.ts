/**
 * A database of pages that is changed in place, under a rollback journal (SQLite's journal_mode=DELETE):
 *
 *  1. the pages that are going to change are put into a new journal, as they are; it is synced;
 *  2. then its header, which makes it count; it is synced, and the directory is;
 *  3. the pages are overwritten in the database; it is synced;
 *  4. the journal is deleted, which commits; the directory is synced.
 *
 * A journal with a whole header that is found after a crash is hot: its pages are put back. Then the
 * database is as some commit left it: the last that was acknowledged, or the next, if it was on its way.
 */
import { z } from 'zod';
import type {
  FileOp,
  FileWorkloadScope,
  InvariantContext,
  ObservedTree,
} from '../../harness/contract/index.ts';
import { defineFileRecipe } from '../file-recipe.ts';
import { recoveredProblem } from './recovered-database.ts';
import { databasePath, headerBytes, journalPath, type DatabaseShape } from './transactions.ts';

const options = z.strictObject({
  pages: z.int().min(1).max(1024).default(10),
  pageBytes: z.int().min(512).max(65_536).default(4096),
  pagesPerTransactionMax: z.int().min(1).default(4),
  /** Sync the pages in the journal before its header is written. */
  journalSync: z.boolean().default(true),
  /** Sync the header before the database is changed. */
  headerSync: z.boolean().default(true),
  /** Sync the directory when the journal is there, and when it is gone. */
  directorySync: z.boolean().default(true),
  /** Sync the database before the journal is deleted. */
  databaseSync: z.boolean().default(true),
});

type Options = z.output<typeof options>;

export default defineFileRecipe<Options>({
  name: 'rollback-journal',
  summary: 'changes pages of a database in place under a rollback journal, as SQLite does',
  options,
  *steps(scope, chosen) {
    const shape = shapeFor(scope, chosen);
    yield { kind: 'create', path: databasePath };
    for (let page = 0; page < shape.pages; page++) yield pageWrite(page, shape);
    yield { kind: 'fsync', path: databasePath };
    yield { kind: 'fsync', path: '' };
    for (;;) yield* transaction(drawPages(scope, chosen, shape), shape, chosen);
  },
  invariant: (tree: ObservedTree, context: InvariantContext, chosen: Options) =>
    recoveredProblem(tree, context, chosen),
});

/** The journal may come to hold as much as the database. */
function shapeFor({ bytesMax }: FileWorkloadScope, { pages, pageBytes }: Options): DatabaseShape {
  const fitting = Math.floor((bytesMax - headerBytes) / (2 * pageBytes));
  return { pages: Math.max(1, Math.min(pages, fitting)), pageBytes };
}

function drawPages({ random }: FileWorkloadScope, chosen: Options, shape: DatabaseShape): number[] {
  const left = Array.from({ length: shape.pages }, (_, page) => page);
  const count = 1 + random.below(Math.min(chosen.pagesPerTransactionMax, shape.pages));
  return Array.from({ length: count }, () => left.splice(random.below(left.length), 1)[0]!);
}

function* transaction(
  pages: readonly number[],
  shape: DatabaseShape,
  chosen: Options,
): Generator<FileOp, void, void> {
  const { pageBytes } = shape;
  yield { kind: 'create', path: journalPath };
  for (const [index] of pages.entries()) {
    const byteOffset = headerBytes + index * pageBytes;
    yield { kind: 'write', path: journalPath, byteOffset, byteCount: pageBytes };
  }
  if (chosen.journalSync) yield { kind: 'fsync', path: journalPath };
  yield { kind: 'write', path: journalPath, byteOffset: 0, byteCount: headerBytes };
  if (chosen.headerSync) yield { kind: 'fsync', path: journalPath };
  if (chosen.directorySync) yield { kind: 'fsync', path: '' };
  for (const page of pages) yield pageWrite(page, shape);
  if (chosen.databaseSync) yield { kind: 'fsync', path: databasePath };
  yield { kind: 'unlink', path: journalPath };
  if (chosen.directorySync) yield { kind: 'fsync', path: '' };
}

function pageWrite(page: number, { pageBytes }: DatabaseShape): FileOp {
  return {
    kind: 'write',
    path: databasePath,
    byteOffset: page * pageBytes,
    byteCount: pageBytes,
  };
}
