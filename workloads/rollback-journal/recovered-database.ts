import type { InvariantContext, ObservedTree, OpId } from '../../harness/contract/index.ts';
import { contentOf, shows } from '../file-writings.ts';
import { databasePath, journalPath, lifeOf, type Transaction } from './transactions.ts';

interface RecipeOptions {
  readonly pageBytes: number;
  readonly directorySync: boolean;
}

/** Rolls a hot journal back and says what is wrong with the database then, if anything is. */
export function recoveredProblem(
  tree: ObservedTree,
  context: InvariantContext,
  options: RecipeOptions,
): string | undefined {
  const { isSetUp, transactions, latest } = lifeOf(context, options);
  if (!isSetUp) return undefined;
  const database = contentOf(tree.get(databasePath));
  if (database === undefined) return 'the database is missing';
  const hot = hotIn(tree, context, transactions);
  if (hot === 'damaged') return 'a journal with a whole header has a page that is not whole';
  const put = new Map(
    hot?.pages.map(({ byteOffset }) => [byteOffset, hot.before.get(byteOffset)!]),
  );
  const versions = [...transactions.map(({ before }) => before), latest];
  const committed = transactions.findLastIndex((transaction) => transaction.committed) + 1;
  const shown = versions.findLastIndex((version) =>
    isAs(version, { database, put, context, pageBytes: options.pageBytes }),
  );
  const how = hot === undefined ? 'with no hot journal' : `after ${put.size} pages were put back`;
  if (shown < 0) return `the database is as no commit left it, ${how}`;
  if (shown >= committed) return undefined;
  return `the database is as commit ${shown} left it, ${how}, though commit ${committed} had been acknowledged`;
}

/** The transaction whose journal counts: its header is whole, so all before it has to be. */
function hotIn(
  tree: ObservedTree,
  context: InvariantContext,
  transactions: readonly Transaction[],
): Transaction | 'damaged' | undefined {
  const journal = contentOf(tree.get(journalPath));
  if (journal === undefined) return undefined;
  const hot = transactions.findLast(
    ({ header }) => header !== undefined && shows(journal, header, context),
  );
  const isWhole = hot?.copies.every((copy) => shows(journal, copy, context)) ?? true;
  return isWhole ? hot : 'damaged';
}

interface Recovered {
  readonly database: Uint8Array;
  readonly put: ReadonlyMap<number, OpId>;
  readonly context: InvariantContext;
  readonly pageBytes: number;
}

function isAs(
  version: ReadonlyMap<number, OpId>,
  { database, put, context, pageBytes }: Recovered,
): boolean {
  if (database.length !== version.size * pageBytes) return false;
  for (const [byteOffset, op] of version) {
    const restored = put.get(byteOffset);
    if (restored === op) continue;
    if (restored !== undefined) return false;
    if (!shows(database, { op, byteOffset, byteCount: pageBytes }, context)) return false;
  }
  return true;
}
