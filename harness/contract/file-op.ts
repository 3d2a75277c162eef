import type { OpId } from './units.ts';

/** Below the root of the file system under test: `mail/new/1`. The root itself is the empty string. */
export type FilePath = string;

/**
 * What a file workload asks of a file system. Operations run one after the other. The bytes that a
 * write carries follow from the run's seed, the operation's id and their place in the file
 * (harness/ledger/file-pattern.ts), so that any byte that is found says where it belongs.
 */
export type FileOp =
  /** An empty regular file; the name must be free. */
  | { readonly kind: 'create'; readonly path: FilePath }
  /** May overwrite, extend, or leave a hole before it. */
  | {
      readonly kind: 'write';
      readonly path: FilePath;
      readonly byteOffset: number;
      readonly byteCount: number;
    }
  | { readonly kind: 'append'; readonly path: FilePath; readonly byteCount: number }
  | { readonly kind: 'truncate'; readonly path: FilePath; readonly byteCount: number }
  /** fallocate(2); with `keepSize` the length stays. */
  | {
      readonly kind: 'allocate';
      readonly path: FilePath;
      readonly byteOffset: number;
      readonly byteCount: number;
      readonly keepSize: boolean;
    }
  /** fallocate(2) with FALLOC_FL_PUNCH_HOLE: the range reads as zeros. */
  | {
      readonly kind: 'punch';
      readonly path: FilePath;
      readonly byteOffset: number;
      readonly byteCount: number;
    }
  /** Replaces `to` where it exists. */
  | { readonly kind: 'rename'; readonly path: FilePath; readonly to: FilePath }
  | { readonly kind: 'link'; readonly path: FilePath; readonly to: FilePath }
  | { readonly kind: 'symlink'; readonly path: FilePath; readonly target: string }
  | { readonly kind: 'unlink'; readonly path: FilePath }
  | { readonly kind: 'mkdir'; readonly path: FilePath }
  | { readonly kind: 'rmdir'; readonly path: FilePath }
  /** Of a regular file or a directory. */
  | { readonly kind: 'fsync'; readonly path: FilePath }
  | { readonly kind: 'fdatasync'; readonly path: FilePath }
  /** sync_file_range(2) over the whole file: starts and awaits write-back, and promises nothing. */
  | { readonly kind: 'sync-file-range'; readonly path: FilePath }
  /** syncfs(2) of the file system under test. */
  | { readonly kind: 'sync' };

export type FileOpKind = FileOp['kind'];

/** Syscalls answer at once: an operation that was not answered was cut off by the crash. */
export type FileOutcome =
  | { readonly status: 'acknowledged' }
  /** It failed with this errno: it may have taken effect in part (a short write, EIO of an fsync). */
  | { readonly status: 'failed'; readonly errno: string };

export interface FileLedgerEntry {
  readonly id: OpId;
  readonly op: FileOp;
  /** Positions in the ledger: the order of all invocations and settlements, from 1. */
  readonly invokedAt: number;
  /** Infinity while it has not settled. */
  readonly settledAt: number;
  readonly outcome: FileOutcome | undefined;
}

/** The record of what was asked of a file system and what it acknowledged, in order of invocation. */
export interface FileLedgerView {
  readonly seed: number;
  readonly end: number;
  /** Entry `n` has the id `n + 1`. */
  readonly entries: readonly FileLedgerEntry[];
}
