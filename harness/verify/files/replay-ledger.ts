/** Carries out a ledger on an in-memory file system that forgets nothing. */
import type {
  FileLedgerEntry,
  FileLedgerView,
  FileOp,
  FilePath,
  FileSystemContract,
  LedgerPosition,
  OpId,
} from '../../contract/index.ts';
import { ByteSlab } from './byte-slab.ts';
import { FileHistory, type Moment, type Synced } from './file-history.ts';
import {
  Contradiction,
  NamespaceHistory,
  newDirectory,
  type FileNode,
  type ModelNode,
  type OwnNameSync,
  type Step,
  type SyncedStep,
} from './namespace-history.ts';

type Covers = FileSystemContract['fsyncCovers'];

/** One way in which everything that was acknowledged can have happened. */
export interface Timeline {
  readonly names: NamespaceHistory;
  /** The file that an operation wrote to. */
  readonly fileOf: ReadonlyMap<OpId, FileNode>;
  /** Acknowledged syncs of the whole file system. */
  readonly syncs: readonly Synced[];
  readonly stepSyncs: readonly SyncedStep[];
  /** For each reach of an fsync, the steps that the names are durable up to, with one ordered log. */
  readonly prefixes: Readonly<Record<Covers, readonly SyncedStep[]>>;
  readonly ownNameSyncs: readonly OwnNameSync[];
}

/** It failed, or was given up: it may have taken effect or not, and others came after it. */
export function isLoose(ledger: FileLedgerView, { id, outcome }: FileLedgerEntry): boolean {
  return outcome === undefined ? id < ledger.entries.length : outcome.status === 'failed';
}

/**
 * The file system has no such operation and says so before it does anything (fallocate(2),
 * EOPNOTSUPP): it did not happen, and nothing is wrong.
 */
export function isDeclined({ op, outcome }: FileLedgerEntry): boolean {
  if (op.kind !== 'allocate' && op.kind !== 'punch') return false;
  return outcome?.status === 'failed' && outcome.errno === 'EOPNOTSUPP';
}

type NameKind = 'create' | 'rename' | 'link' | 'symlink' | 'unlink' | 'mkdir' | 'rmdir';
type NameOp = Extract<FileOp, { kind: NameKind }>;
type DataOp = Exclude<FileOp, NameOp | { kind: 'sync' | 'fsync' | 'fdatasync' }>;

export function changesNames(op: FileOp): op is NameOp {
  return nameOps.has(op.kind);
}

const nameOps: ReadonlySet<string> = new Set([
  'create',
  'rename',
  'link',
  'symlink',
  'unlink',
  'mkdir',
  'rmdir',
]);

export class Replay implements Timeline {
  readonly names = new NamespaceHistory();
  readonly fileOf = new Map<OpId, FileNode>();
  readonly syncs: Synced[] = [];
  readonly stepSyncs: SyncedStep[] = [];
  readonly prefixes: Record<Covers, SyncedStep[]> = {
    'inode-history': [],
    'own-name': [],
    nothing: [],
  };
  readonly ownNameSyncs: OwnNameSync[] = [];
  readonly #ledger: FileLedgerView;
  readonly #happened: ReadonlySet<FileLedgerEntry>;
  readonly #history: { readonly seed: number; readonly unitBytes: number; readonly slab: ByteSlab };
  readonly #nodes: FileNode[] = [];

  constructor(ledger: FileLedgerView, unitBytes: number, happened: ReadonlySet<FileLedgerEntry>) {
    this.#ledger = ledger;
    this.#happened = happened;
    this.#history = { seed: ledger.seed, unitBytes, slab: new ByteSlab() };
  }

  run(): Timeline {
    for (const entry of this.#ledger.entries) {
      if (changesNames(entry.op)) this.#runOnNames(entry, entry.op);
      else this.#runOnFile(entry, entry.op);
    }
    return this;
  }

  #runOnNames(entry: FileLedgerEntry, op: NameOp): void {
    if (isLoose(this.#ledger, entry) && !this.#happened.has(entry)) return;
    const change = this.#changeOf(entry.id, op);
    // The last one, still on its way, may be one that the file system is going to refuse.
    if (change === undefined && entry.outcome === undefined) return;
    if (change === undefined) throw new Contradiction(`operation ${entry.id} is impossible`);
    this.names.step(entry.id, change);
  }

  /** What the operation does, or undefined where it cannot have succeeded. */
  #changeOf(id: OpId, op: NameOp): ((step: Step) => void) | undefined {
    const { names } = this;
    switch (op.kind) {
      case 'create':
        return this.#isFree(op.path)
          ? (step) => {
              names.put(step, op.path, this.#newFile(step, id));
            }
          : undefined;
      case 'mkdir':
        return this.#isFree(op.path)
          ? (step) => {
              names.put(step, op.path, newDirectory(step));
            }
          : undefined;
      case 'symlink':
        return this.#isFree(op.path)
          ? (step) => {
              names.put(step, op.path, newSymlink(step, op.target));
            }
          : undefined;
      case 'link': {
        const node = names.nodeAt(op.path);
        if (node === undefined || node.kind === 'directory' || !this.#isFree(op.to))
          return undefined;
        return (step) => {
          names.put(step, op.to, node);
        };
      }
      case 'unlink': {
        const node = names.nodeAt(op.path);
        if (node === undefined || node.kind === 'directory') return undefined;
        return (step) => {
          names.put(step, op.path, undefined);
        };
      }
      case 'rmdir': {
        const node = names.nodeAt(op.path);
        if (node?.kind !== 'directory' || op.path === '' || !isEmpty(node)) return undefined;
        return (step) => {
          names.put(step, op.path, undefined);
        };
      }
      case 'rename':
        return this.#renameOf(id, op.path, op.to);
    }
  }

  #renameOf(id: OpId, path: FilePath, to: FilePath): ((step: Step) => void) | undefined {
    const { names } = this;
    const node = names.nodeAt(path);
    const target = names.nodeAt(to);
    if (node === undefined || path === '' || !this.#hasParent(to)) return undefined;
    if (`${to}/`.startsWith(`${path}/`) && to !== path) return undefined;
    if (target !== undefined && target !== node) {
      if ((target.kind === 'directory') !== (node.kind === 'directory')) return undefined;
      if (target.kind === 'directory' && !isEmpty(target)) return undefined;
    }
    return (step) => {
      // Two names of one file: rename(2) does nothing.
      if (target === node) return;
      names.put(step, path, undefined);
      names.put(step, to, node);
      if (node.kind === 'file' && target !== undefined) node.carried.push({ step, at: id });
    };
  }

  #isFree(path: FilePath): boolean {
    return path !== '' && this.#hasParent(path) && this.names.nodeAt(path) === undefined;
  }

  #hasParent(path: FilePath): boolean {
    const slash = path.lastIndexOf('/');
    return this.names.nodeAt(slash < 0 ? '' : path.slice(0, slash))?.kind === 'directory';
  }

  #newFile(step: Step, id: OpId): FileNode {
    const node: FileNode = {
      kind: 'file',
      createdAt: step,
      touchedAt: step,
      names: new Set(),
      named: [],
      history: new FileHistory(id, this.#history),
      carried: [],
      linkCounts: [],
    };
    this.#nodes.push(node);
    return node;
  }

  #runOnFile(entry: FileLedgerEntry, op: Exclude<FileOp, NameOp>): void {
    const { id, outcome, settledAt } = entry;
    const isAcknowledged = outcome?.status === 'acknowledged';
    if (op.kind === 'sync') {
      if (isAcknowledged) this.#syncAll(id, settledAt);
      else for (const { history } of this.#nodes) history.failSync(id, this.#globalFloor());
      return;
    }
    const node = this.names.nodeAt(op.path);
    if (op.kind === 'fsync' || op.kind === 'fdatasync') {
      if (node === undefined || node.kind === 'symlink') this.#refuse(entry);
      else if (isAcknowledged) this.#sync(entry, node, op.kind === 'fdatasync');
      else if (node.kind === 'file') node.history.failSync(id, this.#globalFloor());
    } else if (node?.kind === 'file') {
      this.#changeData(entry, op, node);
    } else {
      this.#refuse(entry);
    }
  }

  #globalFloor(): Moment {
    return this.syncs.at(-1)?.at ?? 0;
  }

  /** The operation cannot have succeeded, so it must not have been acknowledged. */
  #refuse({ id, outcome }: FileLedgerEntry): void {
    if (outcome?.status === 'acknowledged')
      throw new Contradiction(`operation ${id} is impossible`);
  }

  #changeData(entry: FileLedgerEntry, op: DataOp, node: FileNode): void {
    if (isDeclined(entry)) return;
    const { id, outcome, settledAt } = entry;
    const { history } = node;
    const loose = isLoose(this.#ledger, entry);
    this.fileOf.set(id, node);
    switch (op.kind) {
      case 'write':
        history.write(id, op.byteOffset, op.byteCount, loose);
        break;
      case 'append':
        history.append(id, op.byteCount, loose);
        break;
      case 'truncate':
        history.truncate(id, op.byteCount, loose);
        break;
      case 'allocate':
        history.allocate(id, op.byteOffset + op.byteCount, op.keepSize, loose);
        break;
      case 'punch':
        history.punch(id, op.byteOffset, op.byteCount, loose);
        break;
      case 'sync-file-range':
        break;
    }
    if (outcome?.status !== 'acknowledged') return;
    if (op.kind === 'write') {
      history.writes.push({ at: id, settledAt, end: op.byteOffset + op.byteCount });
    } else if (op.kind === 'append') {
      history.writes.push({ at: id, settledAt, end: history.lengthAt(id) });
    }
  }

  #syncAll(at: Moment, settledAt: LedgerPosition): void {
    const step = this.names.lastStep;
    this.syncs.push({ at, settledAt });
    this.stepSyncs.push({ step, settledAt });
    this.#keepPrefixes(settledAt, { 'inode-history': step, 'own-name': step, nothing: step });
  }

  #sync(
    { id, settledAt }: FileLedgerEntry,
    node: FileNode | DirectoryLike,
    onlyData: boolean,
  ): void {
    if (node.kind === 'file') {
      node.history.sync({ at: id, settledAt });
      this.#syncNames(id, settledAt, node, onlyData);
      return;
    }
    // ext4 does not commit a new entry for an fdatasync of its directory, so that promises nothing.
    if (onlyData) return;
    node.syncs.push({ step: this.names.lastStep, settledAt });
    this.#syncNames(id, settledAt, node, false);
  }

  /** fdatasync(2) needs no more of the names than that the file has been created. */
  #syncNames(id: OpId, settledAt: LedgerPosition, node: ModelNode, onlyData: boolean): void {
    const step = this.names.lastStep;
    const entries = node.kind === 'directory' ? node.entriesTouchedAt : 0;
    const since = Math.min(...[...node.names].map(({ states }) => states.at(-1)!.step));
    const ownName = onlyData || since === Infinity ? 0 : since;
    this.#keepPrefixes(settledAt, {
      'inode-history': onlyData ? node.createdAt : node.touchedAt,
      'own-name': Math.max(entries, ownName),
      nothing: entries,
    });
    for (const { dentry, step: named } of node.named) {
      if (!onlyData || named === node.createdAt) dentry.syncs.push({ step: named, settledAt });
    }
    if (!onlyData && node.names.size > 0) {
      this.ownNameSyncs.push({ node, names: [...node.names], settledAt, step, by: id });
    }
  }

  #keepPrefixes(settledAt: LedgerPosition, steps: Readonly<Record<Covers, Step>>): void {
    for (const covers of ['inode-history', 'own-name', 'nothing'] as const) {
      const kept = this.prefixes[covers];
      const step = Math.max(steps[covers], kept.at(-1)?.step ?? 0);
      if (step > (kept.at(-1)?.step ?? 0)) kept.push({ step, settledAt });
    }
  }
}

type DirectoryLike = Extract<ModelNode, { kind: 'directory' }>;

function newSymlink(createdAt: Step, target: string): ModelNode {
  return { kind: 'symlink', createdAt, touchedAt: createdAt, names: new Set(), named: [], target };
}

function isEmpty(node: DirectoryLike): boolean {
  for (const { states } of node.dentries.values()) {
    if (states.at(-1)?.node !== undefined) return false;
  }
  return true;
}
