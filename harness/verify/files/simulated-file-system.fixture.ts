/**
 * A file system that crashes, made apart from the model that judges it: a page cache in memory, and what
 * is on the disk. Names reach the disk by one log, a prefix of it at a time (or, without an order, each
 * name by itself); data by write-back of any unit at any time; lengths in steps of blocks. What a sync
 * promises is on the disk before it is answered, and mostly nothing more.
 */
import assert from 'node:assert/strict';
import {
  type CrashWindow,
  type FileOp,
  type FileSystemContract,
  type ObservedEntry,
  type OpId,
  type Random,
} from '../../contract/index.ts';
import { createFileLedger, type FileLedger } from '../../ledger/file-ledger.ts';
import { fillFileBytes } from '../../ledger/file-pattern.ts';

const blockBytes = 4096;
const capacity = 64 * 1024;

export class SimFile {
  readonly kind = 'file';
  readonly cache = Buffer.alloc(capacity);
  readonly disk = Buffer.alloc(capacity);
  length = 0;
  diskLength = 0;
  /** Changes of the length and of what is allocated, in the order in which they reach the disk. */
  readonly pending: ((file: SimFile) => void)[] = [];
  readonly dirty = new Set<number>();
  /** Units that reach the disk only after everything pending, as their blocks were freed. */
  readonly blocked = new Set<number>();
  /** Units with a write that no sync has covered: their blocks may show anything, if anything may. */
  readonly written = new Set<number>();
  /** When a unit was last written back, on the file system's own clock. */
  readonly backAt = new Map<number, number>();
  touched = 0;
  readonly created: number;

  constructor(created: number) {
    this.created = created;
  }
}

interface SimDirectory {
  readonly kind: 'directory';
  readonly dentries: Map<string, SimNode>;
  readonly disk: Map<string, SimNode>;
  touched: number;
  entriesTouched: number;
}

interface SimSymlink {
  readonly kind: 'symlink';
  readonly target: string;
  touched: number;
}

export type SimNode = SimFile | SimDirectory | SimSymlink;

/** One entry of the log of names: a name in a directory gets another node, or none. */
interface NameChange {
  readonly directory: SimDirectory;
  readonly name: string;
  readonly node: SimNode | undefined;
}

export interface SimState {
  readonly window: CrashWindow;
  readonly tree: Map<string, ObservedEntry>;
}

export interface SimOptions {
  readonly contract: FileSystemContract;
  readonly random: Random;
  readonly seed: number;
  /** Of a hundred chances to save a state, so many are taken. */
  readonly statePercent: number;
  onState(state: SimState): void;
}

export class SimulatedFileSystem {
  readonly ledger: FileLedger;
  readonly root: SimDirectory = newDirectory();
  readonly #options: SimOptions;
  readonly #random: Random;
  readonly #files: SimFile[] = [];
  /** Steps of names; each is all or nothing under one log. */
  readonly #log: (readonly NameChange[])[] = [];
  readonly #attached = new Map<SimNode, number>();
  #committed = 0;
  #clock = 0;
  #changedAt = 0;
  #position = 0;

  constructor(options: SimOptions) {
    this.#options = options;
    this.#random = options.random.fork('disk');
    this.ledger = createFileLedger({
      seed: options.seed,
      onRecord: (position) => {
        this.#position = position;
      },
    });
  }

  /** Carries out one operation, with whatever else reaches the disk before, during and after it. */
  perform(op: FileOp): OpId {
    this.#idle();
    const id = this.ledger.invoke(op);
    if (this.#random.chance(1, 3)) this.#idle();
    this.#apply(id, op);
    if (this.#random.chance(1, 3)) this.#idle();
    this.ledger.settle(id, { status: 'acknowledged' });
    return id;
  }

  /** Saves the state as it is on the disk now. */
  save(): void {
    const window = { first: this.#changedAt, last: this.#position };
    this.#options.onState({ window, tree: this.observe() });
  }

  #change(change: () => void): void {
    if (this.#random.below(100) < this.#options.statePercent) this.save();
    change();
    this.#changedAt = this.#position;
  }

  #idle(): void {
    const random = this.#random;
    if (random.chance(1, 3) && this.#committed < this.#log.length) {
      this.#commit(this.#committed + 1 + random.below(this.#log.length - this.#committed));
    }
    for (const file of this.#files) {
      if (random.chance(1, 4)) this.#writeBackSome(file);
    }
  }

  #writeBackSome(file: SimFile): void {
    const random = this.#random;
    if (file.pending.length > 0 && random.chance(1, 2)) {
      this.#settlePending(file, 1 + random.below(file.pending.length));
    }
    for (const unit of [...file.dirty]) {
      if (random.chance(1, 3) && !file.blocked.has(unit)) {
        this.#change(() => {
          this.#writeBack(file, unit);
        });
      }
    }
    const isGrown = file.pending.length === 0 && file.length > file.diskLength;
    if (isGrown && random.chance(1, 2)) {
      this.#change(() => {
        const room = Math.floor(file.length / blockBytes);
        const stepped = blockBytes * (1 + random.below(room + 1));
        file.diskLength = Math.max(file.diskLength, Math.min(stepped, file.length));
      });
    }
  }

  #writeBack(file: SimFile, unit: number): void {
    const { dataAtomicBytes: bytes, unsyncedData } = this.#options.contract;
    file.cache.copy(file.disk, unit * bytes, unit * bytes, (unit + 1) * bytes);
    file.backAt.set(unit, ++this.#clock);
    const mayBeForeign = unsyncedData === 'anything' && file.written.has(unit);
    if (mayBeForeign && this.#random.chance(1, 4)) {
      // The block had been allocated, and the data did not arrive.
      file.disk.fill(0xa5, unit * bytes, (unit + 1) * bytes);
      return;
    }
    file.dirty.delete(unit);
  }

  #settlePending(file: SimFile, count: number): void {
    for (const settle of file.pending.splice(0, count)) {
      this.#change(() => {
        settle(file);
      });
    }
    if (file.pending.length === 0) file.blocked.clear();
  }

  #flush(file: SimFile): void {
    this.#settlePending(file, file.pending.length);
    const { dataAtomicBytes: bytes } = this.#options.contract;
    for (const unit of [...file.dirty]) {
      this.#change(() => {
        file.cache.copy(file.disk, unit * bytes, unit * bytes, (unit + 1) * bytes);
        file.dirty.delete(unit);
      });
    }
    file.written.clear();
    this.#change(() => {
      file.diskLength = file.length;
    });
  }

  #commit(until: number): void {
    while (this.#committed < until) {
      const step = this.#log[this.#committed++]!;
      this.#change(() => {
        for (const change of step) put(change);
      });
    }
  }

  #apply(id: OpId, op: FileOp): void {
    switch (op.kind) {
      case 'create': {
        const file = new SimFile(this.#log.length + 1);
        this.#files.push(file);
        this.#name([[op.path, file]]);
        break;
      }
      case 'mkdir':
        this.#name([[op.path, newDirectory()]]);
        break;
      case 'symlink':
        this.#name([[op.path, { kind: 'symlink', target: op.target, touched: 0 }]]);
        break;
      case 'unlink':
      case 'rmdir':
        this.#name([[op.path, undefined]]);
        break;
      case 'link':
        this.#name([[op.to, this.#at(op.path)]]);
        break;
      case 'rename': {
        const node = this.#at(op.path);
        const replaced = this.#find(op.to);
        this.#name([
          [op.path, undefined],
          [op.to, node],
        ]);
        const carries = this.#options.contract.renameCarriesData && replaced !== undefined;
        if (carries && node.kind === 'file') this.#flush(node);
        break;
      }
      case 'write':
        this.#write(id, this.#fileAt(op.path), op.byteOffset, op.byteCount);
        break;
      case 'append': {
        const file = this.#fileAt(op.path);
        this.#write(id, file, file.length, op.byteCount);
        break;
      }
      case 'truncate':
        this.#truncate(this.#fileAt(op.path), op.byteCount);
        break;
      case 'allocate': {
        const end = op.byteOffset + op.byteCount;
        const file = this.#fileAt(op.path);
        if (!op.keepSize && end > file.length) this.#truncate(file, end);
        break;
      }
      case 'punch':
        this.#erase(this.#fileAt(op.path), op.byteOffset, op.byteOffset + op.byteCount);
        break;
      case 'fsync':
      case 'fdatasync':
        this.#sync(this.#at(op.path), op.kind === 'fdatasync');
        break;
      case 'sync':
        if (!this.#options.contract.syncsAreDurable) break;
        this.#commit(this.#log.length);
        for (const file of this.#files) this.#flush(file);
        break;
      case 'sync-file-range':
        this.#writeBackSome(this.#fileAt(op.path));
        break;
    }
  }

  #write(id: OpId, file: SimFile, byteOffset: number, byteCount: number): void {
    const end = byteOffset + byteCount;
    assert(end <= capacity, 'the simulated file is large enough');
    fillFileBytes(file.cache.subarray(byteOffset, end), {
      seed: this.#options.seed,
      op: id,
      byteOffset,
    });
    file.length = Math.max(file.length, end);
    this.#soil(file, byteOffset, end);
    if (this.#options.contract.writesAreDurable) this.#flush(file);
  }

  #soil(file: SimFile, from: number, to: number): void {
    const { dataAtomicBytes: bytes } = this.#options.contract;
    for (let unit = Math.floor(from / bytes); unit * bytes < to; unit++) {
      file.dirty.add(unit);
      file.written.add(unit);
    }
  }

  /** Shorter or longer: the length is journalled at once, in order with all else of the file. */
  #truncate(file: SimFile, length: number): void {
    const before = file.length;
    file.cache.fill(0, length);
    file.length = length;
    const erase = this.#forget(file, length, before);
    file.pending.push(() => {
      erase();
      file.diskLength = length;
    });
  }

  #erase(file: SimFile, from: number, to: number): void {
    const end = Math.min(to, file.length);
    if (end <= from) return;
    file.cache.fill(0, from, end);
    file.pending.push(this.#forget(file, from, end));
  }

  /**
   * Blocks that are freed: what was dirty in them is never written, and what comes later waits. Of a
   * unit that is freed in part, either the whole is written, or its part is zeroed on the disk.
   */
  #forget(file: SimFile, from: number, to: number): () => void {
    const { dataAtomicBytes: bytes } = this.#options.contract;
    const parts: number[] = [];
    const freedAt = ++this.#clock;
    for (let unit = Math.floor(from / bytes); unit * bytes < to; unit++) {
      const isPart = unit * bytes < from || (unit + 1) * bytes > to;
      if (isPart) parts.push(unit);
      if (isPart) file.dirty.add(unit);
      else file.blocked.add(unit);
    }
    return () => {
      for (let unit = Math.floor(from / bytes); unit * bytes < to; unit++) {
        const [start, end] = [Math.max(from, unit * bytes), Math.min(to, (unit + 1) * bytes)];
        const isNewer = (file.backAt.get(unit) ?? 0) > freedAt;
        if (!parts.includes(unit)) file.disk.fill(0, start, end);
        else if (file.dirty.has(unit) && !isNewer) {
          const isWhole = !file.blocked.has(unit) && this.#random.chance(1, 2);
          if (isWhole) this.#writeBack(file, unit);
          else file.disk.fill(0, start, end);
        }
      }
    };
  }

  #name(changes: readonly (readonly [string, SimNode | undefined])[]): void {
    const step = this.#log.length + 1;
    const logged = changes.map(([path, node]): NameChange => {
      const [directory, name] = this.#locate(path);
      const before = directory.dentries.get(name);
      if (before !== undefined) before.touched = step;
      if (node !== undefined) {
        node.touched = step;
        directory.dentries.set(name, node);
        this.#attached.set(node, step);
      } else directory.dentries.delete(name);
      directory.touched = step;
      directory.entriesTouched = step;
      return { directory, name, node };
    });
    this.#log.push(logged);
  }

  #sync(node: SimNode, onlyData: boolean): void {
    const { contract } = this.#options;
    if (!contract.syncsAreDurable) return;
    if (node.kind === 'file') this.#flush(node);
    if (node.kind === 'directory' && !onlyData) this.#commit(node.entriesTouched);
    if (contract.fsyncCovers === 'inode-history') {
      if (!onlyData) this.#commit(node.touched);
      else if (node.kind === 'file') this.#commit(node.created);
    }
    if (contract.fsyncCovers === 'own-name' && !onlyData) {
      this.#commit(this.#attached.get(node) ?? 0);
    }
  }

  #at(path: string): SimNode {
    const node = this.#find(path);
    assert(node !== undefined, `${path} exists`);
    return node;
  }

  #find(path: string): SimNode | undefined {
    if (path === '') return this.root;
    const [directory, name] = this.#locate(path);
    return directory.dentries.get(name);
  }

  #fileAt(path: string): SimFile {
    const node = this.#at(path);
    assert(node.kind === 'file');
    return node;
  }

  #locate(path: string): [SimDirectory, string] {
    const names = path.split('/');
    const last = names.pop()!;
    let directory = this.root;
    for (const name of names) {
      const next = directory.dentries.get(name);
      assert(next?.kind === 'directory');
      directory = next;
    }
    return [directory, last];
  }

  /** What a mount after a crash would show; or, of the cache, what the living system shows. */
  observe(of: 'disk' | 'cache' = 'disk'): Map<string, ObservedEntry> {
    const tree = new Map<string, ObservedEntry>();
    const links = new Map<SimFile, number>();
    const inodes = new Map<SimFile, number>();
    walk(of, this.root, '', (_path, node) => {
      if (node.kind !== 'file') return;
      links.set(node, (links.get(node) ?? 0) + 1);
      if (!inodes.has(node)) inodes.set(node, 12 + inodes.size);
    });
    walk(of, this.root, '', (path, node) => {
      if (node.kind === 'symlink') tree.set(path, { kind: 'symlink', target: node.target });
      else if (node.kind === 'directory') {
        const below = [...entriesOf(of, node).values()].filter(({ kind }) => kind === 'directory');
        tree.set(path, { kind: 'directory', links: 2 + below.length });
      } else {
        const length = of === 'disk' ? node.diskLength : node.length;
        const content = new Uint8Array(node[of].subarray(0, length));
        const inode = inodes.get(node)!;
        tree.set(path, { kind: 'file', inode, links: links.get(node)!, content });
      }
    });
    return tree;
  }
}

function put({ directory, name, node }: NameChange): void {
  if (node === undefined) directory.disk.delete(name);
  else directory.disk.set(name, node);
}

function newDirectory(): SimDirectory {
  return {
    kind: 'directory',
    dentries: new Map(),
    disk: new Map(),
    touched: 0,
    entriesTouched: 0,
  };
}

function entriesOf(of: 'disk' | 'cache', directory: SimDirectory): ReadonlyMap<string, SimNode> {
  return of === 'disk' ? directory.disk : directory.dentries;
}

function walk(
  of: 'disk' | 'cache',
  directory: SimDirectory,
  path: string,
  visit: (path: string, node: SimNode) => void,
): void {
  for (const [name, node] of entriesOf(of, directory)) {
    const full = path === '' ? name : `${path}/${name}`;
    visit(full, node);
    if (node.kind === 'directory') walk(of, node, full, visit);
  }
}
