import type { InvariantContext, OpId } from '../../harness/contract/index.ts';
import type { Writing } from '../file-writings.ts';

export const databasePath = 'db';
export const journalPath = 'db-journal';
/** A sector, as in SQLite: it is overwritten whole or not at all. */
export const headerBytes = 512;

export interface DatabaseShape {
  readonly pages: number;
  readonly pageBytes: number;
}

/** One transaction, as far as it came. */
export interface Transaction {
  /** Copies of the pages, in the journal, in order. */
  readonly copies: Writing[];
  header: Writing | undefined;
  /** Its pages by their byte offset in the database. */
  readonly pages: Writing[];
  /** The database before it, by byte offset. */
  readonly before: ReadonlyMap<number, OpId>;
  committed: boolean;
}

export interface DatabaseLife {
  /** Whether the first version was made durable. */
  readonly isSetUp: boolean;
  readonly transactions: readonly Transaction[];
  /** The database as the last operation left it, by byte offset. */
  readonly latest: ReadonlyMap<number, OpId>;
}

/**
 * What became of the database. A transaction is committed once its journal is deleted, and that is
 * durable, where the directory is synced for it.
 */
export function lifeOf(
  { ops }: InvariantContext,
  { directorySync }: { readonly directorySync: boolean },
): DatabaseLife {
  const transactions: Transaction[] = [];
  const latest = new Map<number, OpId>();
  let isSetUp = false;
  let isDeleted = false;
  for (const { id, op, acknowledged } of ops) {
    const current = transactions.at(-1);
    if (op.kind === 'create' && op.path === journalPath) {
      isDeleted = false;
      transactions.push({
        copies: [],
        header: undefined,
        pages: [],
        before: new Map(latest),
        committed: false,
      });
    } else if (op.kind === 'write') {
      const writing: Writing = { op: id, byteOffset: op.byteOffset, byteCount: op.byteCount };
      if (op.path === databasePath) {
        latest.set(op.byteOffset, id);
        current?.pages.push(writing);
      } else if (op.byteOffset === 0) {
        if (current !== undefined) current.header = writing;
      } else current?.copies.push(writing);
    } else if (op.kind === 'unlink' && acknowledged) {
      isDeleted = true;
      if (!directorySync && current !== undefined) current.committed = true;
    } else if (op.kind === 'fsync' && op.path === '' && acknowledged) {
      isSetUp = true;
      if (isDeleted && current !== undefined) current.committed = true;
    }
  }
  return { isSetUp, transactions, latest };
}
