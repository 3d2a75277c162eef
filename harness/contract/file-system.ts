import type { DeviceGeometry } from './block-device.ts';
import type { FaultClass } from './fault.ts';
import type { FaultPromise } from './engine.ts';
import type { Host } from './host.ts';
import type { Availability, OptionSchema, Plugin } from './plugin.ts';

/**
 * What a file system promises in a configuration, after POSIX, its documentation and its mount
 * options. File verifiers judge against this, never against taste.
 */
export interface FileSystemContract {
  /**
   * What an acknowledged fsync of a file makes durable, beside its contents and length.
   * `inode-history`: every namespace operation that touched the file or directory that was synced (its
   * creation, links, renames). `own-name`: at least one of its names as of the sync. `nothing`: names
   * need an fsync of their directory.
   */
  readonly fsyncCovers: 'inode-history' | 'own-name' | 'nothing';
  /**
   * `prefix`: after a crash the names are those that some prefix of the namespace operations leaves, no
   * shorter than what was synced, as of a file system with one ordered log. `per-object`: what was
   * synced holds, and each name is as of some moment of its own. `none`: only what was synced holds.
   */
  readonly namespaceOrder: 'prefix' | 'per-object' | 'none';
  /**
   * What may be read where data was written and not synced. `old-or-new`: what some write put there, or
   * zeros where the file had not been that long. `anything`: also what the medium held (REQUIREMENTS B9).
   */
  readonly unsyncedData: 'old-or-new' | 'anything';
  /**
   * The finest grain at which data that was not synced may mix old and new, in bytes; a synced
   * overwrite is whole.
   */
  readonly dataAtomicBytes: number;
  /**
   * Block of the file system, 4096 where absent: a file that is being made longer gets its length in
   * steps of it, as far as that was not synced, and one that may show anything shows it block by block.
   */
  readonly blockBytes?: number;
  /** A write is durable when it is acknowledged, with the length it gives (O_DSYNC). */
  readonly writesAreDurable: boolean;
  /** An acknowledged fsync or fdatasync makes its file durable; false where the set-up breaks it. */
  readonly syncsAreDurable: boolean;
  /** A file renamed over another has its data before its name (ext4's auto_da_alloc). */
  readonly renameCarriesData: boolean;
  /** The check tool finds nothing to repair after log recovery. */
  readonly checkIsClean: boolean;
  readonly promises: Readonly<Record<FaultClass, FaultPromise>>;
}

/** A program and its arguments; `node` stands for the device in them. */
export interface DeviceCommand {
  readonly program: string;
  readonly args: readonly string[];
}

/** How a file system is made, mounted and checked: data, carried out by the rigs behind the guard. */
export interface FileSystemRecipe {
  /** The name that mount(2) and /proc/filesystems know. */
  readonly type: string;
  make(node: string): DeviceCommand;
  /** Options of mount(2) for the workload, and for a mount after a crash, comma-separated. */
  readonly mountOptions: string;
  /** Checks without repairing. Undefined where the file system has no such tool. */
  readonly check: ((node: string) => DeviceCommand) | undefined;
  /** Exit codes of `check` that mean clean. */
  readonly cleanExitCodes: readonly number[];
  /**
   * Makes a crashed file system mountable that has no log to recover (e2fsck -fy of ext2); it runs
   * before the mount and must end with one of the codes.
   */
  readonly repair?: { command(node: string): DeviceCommand; exitCodes: readonly number[] };
  readonly minimumBytes: number;
  /** How an `fsync` of the workload is carried out; the contract says what that is worth. */
  readonly syncPolicy: SyncPolicy;
}

/** `dsync`: files are opened O_DSYNC and an fsync does nothing. `none`: an fsync does nothing. */
export type SyncPolicy = 'fsync' | 'fdatasync' | 'dsync' | 'sync-file-range' | 'none';

/** An engine that is a file system of the kernel. It only describes: the harness does. */
export interface FileSystemAdapter<Config = unknown> extends Plugin<'engine'> {
  readonly medium: 'files';
  readonly options: OptionSchema<Config>;
  contractFor(config: Config, geometry: DeviceGeometry): FileSystemContract;
  recipeFor(config: Config, geometry: DeviceGeometry): FileSystemRecipe;
  probe(host: Host): Promise<Availability>;
}
