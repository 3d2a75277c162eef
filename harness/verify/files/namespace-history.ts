/**
 * Every name that ever was. A step is one namespace operation that took effect: step 0 is the empty
 * file system, step n what the first n of them leave.
 */
import type { FilePath, LedgerPosition, OpId } from '../../contract/index.ts';
import type { FileHistory, Moment } from './file-history.ts';

export type Step = number;

export type ModelNode = FileNode | DirectoryNode | SymlinkNode;

interface NodeBase {
  readonly createdAt: Step;
  /** The last step that changed the node itself: a name of it, an entry in it. */
  touchedAt: Step;
  /** Where it has a name at present. */
  readonly names: Set<Dentry>;
  /** Names that it got or lost, and when: what an fsync covers that carries the inode's history. */
  readonly named: { readonly dentry: Dentry; readonly step: Step }[];
}

export interface FileNode extends NodeBase {
  readonly kind: 'file';
  readonly history: FileHistory;
  /** Renames that put it in the place of another file. */
  readonly carried: { readonly step: Step; readonly at: Moment }[];
  /** How many names it had from a step on. */
  readonly linkCounts: { readonly step: Step; readonly count: number }[];
}

export interface DirectoryNode extends NodeBase {
  readonly kind: 'directory';
  readonly dentries: Map<string, Dentry>;
  /** The last step that changed an entry in it. */
  entriesTouchedAt: Step;
  /** Acknowledged fsyncs of it. */
  readonly syncs: SyncedStep[];
}

export interface SymlinkNode extends NodeBase {
  readonly kind: 'symlink';
  readonly target: string;
}

/** One name in one directory, over time. */
export interface Dentry {
  readonly directory: DirectoryNode;
  readonly name: string;
  readonly states: DentryState[];
  /** Syncs that covered this name by way of what it names. */
  readonly syncs: SyncedStep[];
}

export interface DentryState {
  readonly step: Step;
  readonly node: ModelNode | undefined;
}

export interface SyncedStep {
  readonly step: Step;
  readonly settledAt: LedgerPosition;
}

/** A path over time, through all renames of the directories above it. */
export interface PathState {
  readonly step: Step;
  readonly node: ModelNode | undefined;
}

/** Acknowledged fsyncs that promise a file at least one of the names that it had then. */
export interface OwnNameSync {
  readonly node: ModelNode;
  readonly names: readonly Dentry[];
  readonly settledAt: LedgerPosition;
  readonly step: Step;
  readonly by: OpId;
}

export class NamespaceHistory {
  readonly root: DirectoryNode = newDirectory(0);
  /** The operation of each step; step 0 has none. */
  readonly opOf: OpId[] = [0];
  /** The paths that each step changed. */
  readonly changedPaths: (readonly FilePath[])[] = [[]];
  readonly #paths = new Map<FilePath, PathState[]>();
  readonly #digests: TreeDigest[] = [emptyDigest];
  readonly #byDigest = new Map<number, Step[]>([[keyOf(emptyDigest), [0]]]);
  #changing: Set<FilePath> | undefined;

  get lastStep(): Step {
    return this.opOf.length - 1;
  }

  /** Carries out one namespace operation: everything that `change` puts and removes is one step. */
  step(op: OpId, change: (step: Step) => void): void {
    const step = this.opOf.push(op) - 1;
    this.#changing = new Set();
    this.#digests.push({ ...this.#digests[step - 1]! });
    change(step);
    this.changedPaths.push([...this.#changing]);
    const key = keyOf(this.#digests[step]!);
    const steps = this.#byDigest.get(key);
    if (steps === undefined) this.#byDigest.set(key, [step]);
    else steps.push(step);
  }

  /** Gives the node the name, or takes the name away. */
  put(step: Step, path: FilePath, node: ModelNode | undefined): void {
    const [directory, name] = this.locate(path);
    let dentry = directory.dentries.get(name);
    if (dentry === undefined) {
      dentry = { directory, name, states: [], syncs: [] };
      directory.dentries.set(name, dentry);
    }
    const before = dentry.states.at(-1)?.node;
    for (const [changed, isGone] of [[before, true] as const, [node, false] as const]) {
      if (changed === undefined) continue;
      if (isGone) changed.names.delete(dentry);
      else changed.names.add(dentry);
      changed.touchedAt = step;
      changed.named.push({ dentry, step });
      if (changed.kind === 'file') {
        changed.linkCounts.push({ step, count: changed.names.size });
      }
    }
    directory.touchedAt = step;
    directory.entriesTouchedAt = step;
    dentry.states.push({ step, node });
    if (before !== undefined) this.#putPaths(step, path, before, false);
    if (node !== undefined) this.#putPaths(step, path, node, true);
  }

  nodeAt(path: FilePath): ModelNode | undefined {
    if (path === '') return this.root;
    let node: ModelNode | undefined = this.root;
    for (const name of path.split('/')) {
      if (node?.kind !== 'directory') return undefined;
      node = node.dentries.get(name)?.states.at(-1)?.node;
    }
    return node;
  }

  /** The directory that a path lies in, which must exist, and the name in it. */
  locate(path: FilePath): [DirectoryNode, string] {
    const slash = path.lastIndexOf('/');
    const directory = this.nodeAt(slash < 0 ? '' : path.slice(0, slash));
    if (directory?.kind !== 'directory') throw new Contradiction(`${path} lies in no directory`);
    return [directory, path.slice(slash + 1)];
  }

  pathStates(path: FilePath): readonly PathState[] {
    return this.#paths.get(path) ?? [];
  }

  get paths(): IterableIterator<FilePath> {
    return this.#paths.keys();
  }

  nodeOf(path: FilePath, step: Step): ModelNode | undefined {
    const states = this.#paths.get(path);
    return states === undefined ? undefined : stateAt(states, step)?.node;
  }

  /** Steps whose tree has these names, kinds and symlink targets, ascending. */
  stepsWith(digest: TreeDigest): readonly Step[] {
    return this.#byDigest.get(keyOf(digest)) ?? [];
  }

  /** The last step of an operation up to this one. */
  stepAt(op: OpId): Step {
    let low = 0;
    let high = this.opOf.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.opOf[middle]! <= op) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #putPaths(step: Step, path: FilePath, node: ModelNode, isThere: boolean): void {
    let states = this.#paths.get(path);
    if (states === undefined) {
      states = [];
      this.#paths.set(path, states);
    }
    if (states.at(-1)?.step === step) states.pop();
    states.push({ step, node: isThere ? node : undefined });
    this.#changing?.add(path);
    addToDigest(this.#digests[step]!, path, node, isThere ? 1 : -1);
    if (node.kind !== 'directory') return;
    for (const [name, dentry] of node.dentries) {
      const below = dentry.states.at(-1)?.node;
      if (below !== undefined) this.#putPaths(step, `${path}/${name}`, below, isThere);
    }
  }
}

/** An acknowledged operation that was impossible: what was assumed of a failed one is not so. */
export class Contradiction extends Error {}

export function newDirectory(createdAt: Step): DirectoryNode {
  return {
    kind: 'directory',
    createdAt,
    touchedAt: createdAt,
    entriesTouchedAt: 0,
    names: new Set(),
    named: [],
    dentries: new Map(),
    syncs: [],
  };
}

/** The state in force at a step. */
export function stateAt<S extends { readonly step: Step }>(
  states: readonly S[],
  step: Step,
): S | undefined {
  let low = 0;
  let high = states.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (states[middle]!.step <= step) low = middle + 1;
    else high = middle;
  }
  return states[low - 1];
}

/** The step up to which the names were durable by the position; 0 where none was. */
export function syncedStepBy(syncs: readonly SyncedStep[], position: LedgerPosition): Step {
  let low = 0;
  let high = syncs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (syncs[middle]!.settledAt <= position) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : syncs[low - 1]!.step;
}

/** A sum over the names of a tree, so that a step changes it by what the step changed. */
export interface TreeDigest {
  low: number;
  high: number;
  count: number;
}

const emptyDigest: TreeDigest = { low: 0, high: 0, count: 0 };

export interface DigestedNode {
  readonly kind: ModelNode['kind'];
  readonly target?: string;
}

export function addToDigest(
  digest: TreeDigest,
  path: FilePath,
  node: DigestedNode,
  times: 1 | -1,
): void {
  const [low, high] = hashOf(`${node.kind}:${path}:${node.target ?? ''}`);
  digest.low = (digest.low + times * low) | 0;
  digest.high = (digest.high + times * high) | 0;
  digest.count += times;
}

function keyOf({ low, high, count }: TreeDigest): number {
  return (((high >>> 0) & 0x1fffff) ^ (count & 0xffff)) * 2 ** 32 + (low >>> 0);
}

const hashes = new Map<string, readonly [number, number]>();

function hashOf(text: string): readonly [number, number] {
  let known = hashes.get(text);
  if (known === undefined) {
    let low = 0x243f6a88;
    let high = 0x85a308d3;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      low = Math.imul(low ^ code, 0x9e3779b1);
      low ^= low >>> 15;
      high = Math.imul(high ^ code ^ low, 0x85ebca6b);
      high ^= high >>> 13;
    }
    known = [low, high];
    if (hashes.size > 100_000) hashes.clear();
    hashes.set(text, known);
  }
  return known;
}
