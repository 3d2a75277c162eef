/** Reads a mounted tree as a whole: every name, and every byte of every file. */
import * as fs from 'node:fs';
import type { ObservedEntry, ObservedTree } from '../contract/index.ts';

/** A damaged file system may show a directory without an end, or a file of any length. */
export interface TreeLimits {
  readonly entriesMax: number;
  readonly fileBytesMax: number;
  readonly depthMax: number;
}

export const treeLimits: TreeLimits = {
  entriesMax: 20_000,
  fileBytesMax: 256 * 2 ** 20,
  depthMax: 64,
};

/**
 * Everything below the root. What is listed and cannot be looked at is `unreadable`, with the errno, or
 * EFBIG, ELOOP and EOVERFLOW where a limit is passed. Throws the error of the system only where the
 * root itself cannot be listed.
 */
export function readTree(
  root: string,
  onFile: (fd: number) => void = () => undefined,
  limits: TreeLimits = treeLimits,
): ObservedTree {
  const tree = new Map<string, ObservedEntry>();
  const names = listDirectory(root);
  new TreeReader(root, tree, onFile, limits).addAll('', names, 1);
  return tree;
}

class TreeReader {
  readonly #root: string;
  readonly #tree: Map<string, ObservedEntry>;
  readonly #onFile: (fd: number) => void;
  readonly #limits: TreeLimits;

  constructor(
    root: string,
    tree: Map<string, ObservedEntry>,
    onFile: (fd: number) => void,
    limits: TreeLimits,
  ) {
    this.#root = root;
    this.#tree = tree;
    this.#onFile = onFile;
    this.#limits = limits;
  }

  addAll(directory: string, names: readonly string[], depth: number): void {
    for (const name of names) {
      const path = directory === '' ? name : `${directory}/${name}`;
      if (this.#tree.size >= this.#limits.entriesMax) {
        this.#tree.set(directory, { kind: 'unreadable', errno: 'EOVERFLOW' });
        return;
      }
      this.#add(path, depth);
    }
  }

  #add(path: string, depth: number): void {
    try {
      this.#tree.set(path, this.#look(path, depth));
    } catch (error) {
      this.#tree.set(path, { kind: 'unreadable', errno: errnoOf(error) });
    }
  }

  #look(path: string, depth: number): ObservedEntry {
    const full = `${this.#root}/${path}`;
    const found = fs.lstatSync(full);
    if (found.isFile()) return this.#readFile(full, found);
    if (found.isSymbolicLink()) return { kind: 'symlink', target: fs.readlinkSync(full) };
    // Nothing but these three was ever made.
    if (!found.isDirectory()) return { kind: 'unreadable', errno: 'ENOTSUP' };
    if (depth >= this.#limits.depthMax) return { kind: 'unreadable', errno: 'ELOOP' };
    const names = listDirectory(full);
    // A directory comes before what is in it.
    this.#tree.set(path, { kind: 'directory', links: found.nlink });
    this.addAll(path, names, depth + 1);
    return this.#tree.get(path)!;
  }

  #readFile(full: string, { ino, nlink, size }: fs.Stats): ObservedEntry {
    if (size > this.#limits.fileBytesMax) return { kind: 'unreadable', errno: 'EFBIG' };
    const fd = fs.openSync(full, 'r');
    try {
      const content = new Uint8Array(size);
      let done = 0;
      while (done < size) {
        const count = fs.readSync(fd, content, done, size - done, done);
        // A file whose end comes before its length cannot be read, whatever it is.
        if (count === 0) return { kind: 'unreadable', errno: 'EIO' };
        done += count;
      }
      this.#onFile(fd);
      return { kind: 'file', inode: ino, links: nlink, content };
    } finally {
      fs.closeSync(fd);
    }
  }
}

/** Names that are not UTF-8 come back changed, and cannot then be looked at: `unreadable`. */
function listDirectory(directory: string): string[] {
  return fs.readdirSync(directory);
}

export function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'EIO';
}
