/**
 * Mail is delivered as into a maildir: a message is written to a file of its own in `tmp`, synced, and
 * then linked or renamed into `new`, whose directory is synced. From then on it is delivered: it must
 * not be lost, and nothing that is not a whole message may ever be seen in `new`. Messages that were
 * read are removed, so that the spool stays small.
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
  deliverBy: z.enum(['rename', 'link']).default('rename'),
  /** Sync the message before it gets its name in `new`. */
  fsync: z.boolean().default(true),
  /** Sync `new` once the message is in it. */
  fsyncDirectory: z.boolean().default(true),
  bytesMin: z.int().min(1).default(500),
  bytesMax: z.int().min(1).default(9000),
  /** So many messages are kept; older ones are removed. */
  messagesMax: z.int().min(1).max(1000).default(6),
});

type Options = z.output<typeof options>;

export default defineFileRecipe<Options>({
  name: 'mail-spool',
  summary: 'delivers messages: write to tmp, sync, rename or link into new, sync the directory',
  options,
  *steps(scope, chosen) {
    yield { kind: 'mkdir', path: 'tmp' };
    yield { kind: 'mkdir', path: 'new' };
    yield { kind: 'fsync', path: '' };
    for (let message = 1; ; message++) {
      yield* deliver(String(message), scope, chosen);
      const oldest = message - chosen.messagesMax;
      if (oldest > 0) yield { kind: 'unlink', path: `new/${oldest}` };
    }
  },
  invariant: findBroken,
});

function* deliver(
  name: string,
  { random, bytesMax }: FileWorkloadScope,
  chosen: Options,
): Generator<FileOp, void, void> {
  const path = `tmp/${name}`;
  const to = `new/${name}`;
  const most = Math.max(
    1,
    Math.min(chosen.bytesMax, Math.floor(bytesMax / (chosen.messagesMax + 2))),
  );
  const least = Math.min(chosen.bytesMin, most);
  yield { kind: 'create', path };
  yield* appendInPieces(path, least + random.below(most - least + 1), 4096);
  if (chosen.fsync) yield { kind: 'fsync', path };
  yield { kind: chosen.deliverBy, path, to };
  if (chosen.fsyncDirectory) yield { kind: 'fsync', path: 'new' };
  if (chosen.deliverBy === 'link') yield { kind: 'unlink', path };
}

function findBroken(
  tree: ObservedTree,
  context: InvariantContext,
  chosen: Options,
): string | undefined {
  const { messages, delivered } = messagesIn(context, chosen);
  for (const [path, entry] of tree) {
    if (!path.startsWith('new/')) continue;
    const content = contentOf(entry);
    const message = messages.get(path.slice('new/'.length));
    if (content === undefined || message === undefined) return `${path} is no message`;
    if (!isWhole(content, message, context)) {
      return `${path} has ${content.length} bytes and is not the whole message of ${message.byteCount}`;
    }
  }
  const missing = delivered.find((path) => !tree.has(path));
  return missing === undefined ? undefined : `${missing} had been delivered and is missing`;
}

/** A message is delivered when the last step of its delivery that is not left out is acknowledged. */
function messagesIn(
  { ops }: InvariantContext,
  { fsyncDirectory, deliverBy }: Options,
): { messages: ReadonlyMap<string, Writings>; delivered: readonly FilePath[] } {
  const messages = new Map<string, Writings>();
  const delivered = new Set<FilePath>();
  let onTheWay: FilePath | undefined;
  for (const { id, op, acknowledged } of ops) {
    if (op.kind === 'create') messages.set(op.path.slice('tmp/'.length), new Writings());
    else if (op.kind === 'append') {
      messages.get(op.path.slice('tmp/'.length))?.append(id, op.byteCount);
    } else if (op.kind === 'unlink') delivered.delete(op.path);
    else if (op.kind === deliverBy) onTheWay = op.to;
    const isLastStep = fsyncDirectory
      ? op.kind === 'fsync' && op.path === 'new'
      : op.kind === deliverBy;
    if (isLastStep && acknowledged && onTheWay !== undefined) delivered.add(onTheWay);
  }
  return { messages, delivered: [...delivered] };
}
