import {
  createRandom,
  type FileLedgerView,
  type FileOp,
  type FileOutcome,
  type FileSystemContract,
  type ObservedEntry,
  type ViolationKind,
} from '../../contract/index.ts';
import { createFileLedger } from '../../ledger/file-ledger.ts';
import { orderedContract, survives } from './file-contracts.fixture.ts';
import { judgeFiles } from './judge-files.ts';
import { SimulatedFileSystem } from './simulated-file-system.fixture.ts';
import type { Judgement } from '../judge.ts';

export type MutableTree = Map<string, ObservedEntry>;

/**
 * Operations in words, one per item:
 *
 *     create a            write a 0 4096       append a 100        truncate a 10     punch a 0 512
 *     allocate a 0 100    allocate a 0 100 keep                    rename a b        link a b
 *     symlink s target    unlink a             mkdir d             rmdir d
 *     fsync a             fsync .              fdatasync a         sync
 */
export function opOf(words: string): FileOp {
  const [kind = '', name = '', third = '', fourth = '', fifth] = words.split(' ');
  const path = name === '.' ? '' : name;
  const range = { byteOffset: Number(third), byteCount: Number(fourth) };
  switch (kind) {
    case 'write':
    case 'punch':
      return { kind, path, ...range };
    case 'allocate':
      return { kind, path, ...range, keepSize: fifth === 'keep' };
    case 'append':
    case 'truncate':
      return { kind, path, byteCount: Number(third) };
    case 'rename':
    case 'link':
      return { kind, path, to: third };
    case 'symlink':
      return { kind, path, target: third };
    case 'sync':
      return { kind };
    case 'create':
    case 'unlink':
    case 'mkdir':
    case 'rmdir':
    case 'fsync':
    case 'fdatasync':
      return { kind, path };
    default:
      throw new RangeError(`no operation is called ${kind}`);
  }
}

/** What a system that never crashed shows after these operations. */
export function treeAfter(ops: readonly string[]): MutableTree {
  const fileSystem = new SimulatedFileSystem({
    contract: { ...orderedContract, syncsAreDurable: false },
    random: createRandom(1),
    seed: 1,
    statePercent: 0,
    onState: () => undefined,
  });
  for (const words of ops) fileSystem.perform(opOf(words));
  return fileSystem.observe('cache');
}

/** A ledger in which each was acknowledged before the next; `!EIO` behind one says how it failed. */
export function ledgerOf(ops: readonly string[], onItsWay?: string): FileLedgerView {
  const ledger = createFileLedger({ seed: 1 });
  for (const words of ops) {
    const [words1 = '', errno] = words.split('!');
    const outcome: FileOutcome =
      errno === undefined ? { status: 'acknowledged' } : { status: 'failed', errno };
    ledger.settle(ledger.invoke(opOf(words1.trim())), outcome);
  }
  if (onItsWay !== undefined) ledger.invoke(opOf(onItsWay));
  return ledger.view();
}

export interface Judged {
  readonly ops: readonly string[];
  /** The last one, which was not acknowledged. */
  readonly onItsWay?: string;
  readonly tree: MutableTree;
  readonly contract?: Partial<FileSystemContract>;
}

/** Judges a crash after the last operation. */
export function judgeStory({ ops, onItsWay, tree, contract = {} }: Judged): Judgement {
  const ledger = ledgerOf(ops, onItsWay);
  return judgeFiles({
    contract: { ...orderedContract, ...contract },
    promise: survives,
    ledger,
    window: { first: ledger.end, last: ledger.end },
    recovered: { opened: true, tree, check: { clean: true, output: '' } },
  });
}

export function kindsOf(judged: Judged): ViolationKind[] {
  return judgeStory(judged).violations.map(({ kind }) => kind);
}

/** The content of a file of the tree, to be changed in place. */
export function contentIn(tree: MutableTree, path: string): Uint8Array {
  const entry = tree.get(path);
  if (entry?.kind !== 'file') throw new RangeError(`${path} is no file`);
  return entry.content;
}

export function setContent(tree: MutableTree, path: string, content: Uint8Array): MutableTree {
  const entry = tree.get(path);
  if (entry?.kind !== 'file') throw new RangeError(`${path} is no file`);
  tree.set(path, { ...entry, content });
  return tree;
}
