import type { FileOp, FileOutcome, FilePath } from './file-op.ts';
import type { OptionSchema, Plugin } from './plugin.ts';
import type { Random } from './random.ts';
import type { OpId } from './units.ts';

export interface FileWorkloadScope {
  readonly opsMax: number;
  readonly random: Random;
  /** Most bytes that all files together may hold, so that reading a crash state back stays quick. */
  readonly bytesMax: number;
}

/** No clock, no I/O, no chance but the scope's: the same scope and outcomes give the same operations. */
export interface FileWorkload<Options = unknown> extends Plugin<'workload'> {
  readonly medium: 'files';
  readonly options: OptionSchema<Options>;
  start(scope: FileWorkloadScope, options: Options): FileWorkloadRun;
  /**
   * What the application relies on beyond the contract (a replaced file is the old one or the new
   * one, whole): what is wrong with the tree a crash left, or undefined.
   */
  invariant?(tree: ObservedTree, context: InvariantContext, options: Options): string | undefined;
}

export interface InvariantContext {
  readonly seed: number;
  /** Operations acknowledged by the crash, in order, and then at most one that was on its way. */
  readonly ops: readonly {
    readonly id: OpId;
    readonly op: FileOp;
    readonly acknowledged: boolean;
  }[];
  /** Bytes `byteOffset` to `byteOffset + byteCount` of a file as the operation wrote them. */
  bytesOf(op: OpId, byteOffset: number, byteCount: number): Uint8Array;
}

export interface FileWorkloadRun {
  next(): FileOp | undefined;
  settled(id: OpId, op: FileOp, outcome: FileOutcome): void;
}

/** Everything that is in a file system, by path; the root is not listed. */
export type ObservedTree = ReadonlyMap<FilePath, ObservedEntry>;

export type ObservedEntry =
  | {
      readonly kind: 'file';
      /** Names of one file have one number. */
      readonly inode: number;
      readonly links: number;
      readonly content: Uint8Array;
    }
  | { readonly kind: 'directory'; readonly links: number }
  | { readonly kind: 'symlink'; readonly target: string }
  /** It is listed, and cannot be looked at or read. */
  | { readonly kind: 'unreadable'; readonly errno: string };

/** What recovery of one crash state gave: mounted, read as a whole, unmounted, checked. */
export type RecoveredFiles =
  | {
      readonly opened: true;
      readonly tree: ObservedTree;
      /** What the check tool said after the unmount; undefined where none was run. */
      readonly check: { readonly clean: boolean; readonly output: string } | undefined;
    }
  | {
      readonly opened: false;
      readonly step: 'repair' | 'mount' | 'read' | 'unmount';
      readonly message: string;
    };
