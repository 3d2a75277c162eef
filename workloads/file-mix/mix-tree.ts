import type { FileOp, FilePath } from '../../harness/contract/index.ts';

interface MixFile {
  byteCount: number;
}

type MixEntry =
  | { readonly kind: 'file'; readonly file: MixFile }
  | { readonly kind: 'directory' }
  | { readonly kind: 'symlink' };

/** What the workload knows of the tree, so that it asks only for what can succeed. */
export class MixTree {
  readonly #entries = new Map<FilePath, MixEntry>();
  /** What an operation that failed may have changed, and is left alone from then on. */
  readonly #avoided = new Set<FilePath>();

  /** Names of regular files that may be used. */
  get files(): FilePath[] {
    return this.#pathsOf('file');
  }

  get symlinks(): FilePath[] {
    return this.#pathsOf('symlink');
  }

  /** With the root. */
  get directories(): FilePath[] {
    return ['', ...this.#pathsOf('directory')];
  }

  get byteCount(): number {
    const files = new Set<MixFile>();
    for (const entry of this.#entries.values()) if (entry.kind === 'file') files.add(entry.file);
    return [...files].reduce((sum, { byteCount }) => sum + byteCount, 0);
  }

  isFree(path: FilePath): boolean {
    return !this.#entries.has(path) && !this.#avoided.has(path);
  }

  isEmpty(directory: FilePath): boolean {
    return ![...this.#entries.keys(), ...this.#avoided].some((path) => isBelow(path, directory));
  }

  lengthOf(path: FilePath): number {
    return this.#fileAt(path)?.byteCount ?? 0;
  }

  areSame(one: FilePath, other: FilePath): boolean {
    return this.#fileAt(one) === this.#fileAt(other);
  }

  apply(op: FileOp): void {
    switch (op.kind) {
      case 'create':
        this.#entries.set(op.path, { kind: 'file', file: { byteCount: 0 } });
        break;
      case 'mkdir':
        this.#entries.set(op.path, { kind: 'directory' });
        break;
      case 'symlink':
        this.#entries.set(op.path, { kind: 'symlink' });
        break;
      case 'unlink':
      case 'rmdir':
        this.#entries.delete(op.path);
        break;
      case 'link':
        this.#entries.set(op.to, this.#entries.get(op.path)!);
        break;
      case 'rename':
        this.#rename(op.path, op.to);
        break;
      case 'write':
        this.#grow(op.path, op.byteOffset + op.byteCount);
        break;
      case 'append':
        this.#grow(op.path, this.lengthOf(op.path) + op.byteCount);
        break;
      case 'allocate':
        if (!op.keepSize) this.#grow(op.path, op.byteOffset + op.byteCount);
        break;
      case 'truncate': {
        const file = this.#fileAt(op.path);
        if (file !== undefined) file.byteCount = op.byteCount;
        break;
      }
      case 'punch':
      case 'fsync':
      case 'fdatasync':
      case 'sync-file-range':
      case 'sync':
        break;
    }
  }

  avoid(op: FileOp): void {
    if (op.kind === 'sync') return;
    if (op.path !== '') this.#avoided.add(op.path);
    if (op.kind === 'rename' || op.kind === 'link') this.#avoided.add(op.to);
  }

  #rename(path: FilePath, to: FilePath): void {
    const moved = [...this.#entries].filter(([name]) => name === path || isBelow(name, path));
    for (const [name] of moved) this.#entries.delete(name);
    for (const [name, entry] of moved) this.#entries.set(`${to}${name.slice(path.length)}`, entry);
  }

  #grow(path: FilePath, end: number): void {
    const file = this.#fileAt(path);
    if (file !== undefined) file.byteCount = Math.max(file.byteCount, end);
  }

  #fileAt(path: FilePath): MixFile | undefined {
    const entry = this.#entries.get(path);
    return entry?.kind === 'file' ? entry.file : undefined;
  }

  #pathsOf(kind: MixEntry['kind']): FilePath[] {
    return [...this.#entries]
      .filter(([path, entry]) => entry.kind === kind && !this.#isAvoided(path))
      .map(([path]) => path);
  }

  /** An operation on a directory that failed may have moved all that is in it. */
  #isAvoided(path: FilePath): boolean {
    return [...this.#avoided].some((avoided) => path === avoided || isBelow(path, avoided));
  }
}

export function isBelow(path: FilePath, directory: FilePath): boolean {
  return directory === '' ? path !== '' : path.startsWith(`${directory}/`);
}
