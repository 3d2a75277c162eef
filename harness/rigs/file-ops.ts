/** Carries out one file operation by system calls, each of them blocking. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { FileOp, FileOutcome, FilePath, OpId, SyncPolicy } from '../contract/index.ts';
import { fillFileBytes } from '../ledger/file-pattern.ts';
import {
  allocateRange,
  punchRange,
  syncFileSystem,
  writeBackFile,
  type FileRange,
} from '../sys/file-calls.ts';
import type { SystemCalls } from '../sys/libc.ts';

export interface FileOpsOptions {
  readonly calls: SystemCalls;
  /** Where the file system under test is mounted. */
  readonly root: string;
  /** Of the bytes that are written. */
  readonly seed: number;
  readonly syncPolicy: SyncPolicy;
}

const { O_APPEND, O_CREAT, O_DSYNC, O_EXCL, O_RDONLY, O_WRONLY } = fs.constants;

/** The errno of a call that does not throw. */
class SystemFailure extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/**
 * Every operation opens what it needs by name and closes it again, so that between two operations
 * nothing is held: a file that is replaced or removed is gone, and the file system can be unmounted.
 * Closing counts: ext4 starts to write back a file on close that had been truncated (auto_da_alloc).
 */
export class FileOps {
  readonly #options: FileOpsOptions;

  constructor(options: FileOpsOptions) {
    this.#options = options;
  }

  perform(id: OpId, op: FileOp): FileOutcome {
    try {
      this.#carryOut(id, op);
      return { status: 'acknowledged' };
    } catch (error) {
      const errno = (error as NodeJS.ErrnoException).code;
      // An assertion has a code too, and is no answer of the system.
      if (errno === undefined || error instanceof assert.AssertionError) throw error;
      return { status: 'failed', errno };
    }
  }

  #carryOut(id: OpId, op: FileOp): void {
    switch (op.kind) {
      case 'create': {
        this.#withFile(op.path, O_WRONLY | O_CREAT | O_EXCL, () => undefined);
        return;
      }
      case 'write': {
        this.#withFile(op.path, this.#writeFlags(), (fd) => {
          this.#write(fd, id, op.byteOffset, op.byteCount, op.byteOffset);
        });
        return;
      }
      case 'append': {
        this.#withFile(op.path, this.#writeFlags() | O_APPEND, (fd) => {
          this.#write(fd, id, fs.fstatSync(fd).size, op.byteCount, null);
        });
        return;
      }
      case 'truncate': {
        this.#withFile(op.path, O_WRONLY, (fd) => {
          fs.ftruncateSync(fd, op.byteCount);
        });
        return;
      }
      case 'allocate': {
        this.#withFile(op.path, O_WRONLY, (fd) => {
          failIf(allocateRange(this.#options.calls, fd, rangeOf(op), op.keepSize));
        });
        return;
      }
      case 'punch': {
        this.#withFile(op.path, O_WRONLY, (fd) => {
          failIf(punchRange(this.#options.calls, fd, rangeOf(op)));
        });
        return;
      }
      case 'rename':
        fs.renameSync(this.#full(op.path), this.#full(op.to));
        return;
      case 'link':
        fs.linkSync(this.#full(op.path), this.#full(op.to));
        return;
      case 'symlink':
        fs.symlinkSync(op.target, this.#full(op.path));
        return;
      case 'unlink':
        fs.unlinkSync(this.#full(op.path));
        return;
      case 'mkdir':
        fs.mkdirSync(this.#full(op.path));
        return;
      case 'rmdir':
        fs.rmdirSync(this.#full(op.path));
        return;
      case 'fsync':
      case 'fdatasync':
        this.#sync(op);
        return;
      case 'sync-file-range': {
        this.#withFile(op.path, O_RDONLY, (fd) => {
          failIf(writeBackFile(this.#options.calls, fd));
        });
        return;
      }
      case 'sync': {
        this.#withFile('', O_RDONLY, (fd) => {
          failIf(syncFileSystem(this.#options.calls, fd));
        });
        return;
      }
    }
  }

  #writeFlags(): number {
    return O_WRONLY | (this.#options.syncPolicy === 'dsync' ? O_DSYNC : 0);
  }

  /** In one call, as far as the system takes it at once; what was left is asked for again. */
  #write(fd: number, op: OpId, byteOffset: number, byteCount: number, place: number | null): void {
    const bytes = new Uint8Array(byteCount);
    fillFileBytes(bytes, { seed: this.#options.seed, op, byteOffset });
    let done = 0;
    while (done < byteCount) {
      const at = place === null ? null : place + done;
      const count = fs.writeSync(fd, bytes, done, byteCount - done, at);
      if (count === 0) throw new SystemFailure('EIO');
      done += count;
    }
  }

  /**
   * As the policy says. Directories have no data, so fdatasync says nothing of what is in them: under
   * `fdatasync` they are synced by fsync. A policy that does nothing answers at once.
   */
  #sync({ kind, path: name }: Extract<FileOp, { kind: 'fsync' | 'fdatasync' }>): void {
    const { syncPolicy, calls } = this.#options;
    if (syncPolicy === 'dsync' || syncPolicy === 'none') return;
    this.#withFile(name, O_RDONLY, (fd) => {
      const isDirectory = fs.fstatSync(fd).isDirectory();
      if (syncPolicy === 'sync-file-range') {
        if (!isDirectory) failIf(writeBackFile(calls, fd));
      } else if (kind === 'fdatasync' || (syncPolicy === 'fdatasync' && !isDirectory)) {
        fs.fdatasyncSync(fd);
      } else {
        fs.fsyncSync(fd);
      }
    });
  }

  #withFile(name: FilePath, flags: number, use: (fd: number) => void): void {
    const fd = fs.openSync(this.#full(name), flags, 0o644);
    try {
      use(fd);
    } finally {
      fs.closeSync(fd);
    }
  }

  #full(name: FilePath): string {
    const isInside = !path.isAbsolute(name) && !name.split('/').includes('..');
    assert(isInside, `${name} does not lie below the root`);
    return path.join(this.#options.root, name);
  }
}

function rangeOf({ byteOffset, byteCount }: FileRange): FileRange {
  return { byteOffset, byteCount };
}

function failIf(errno: string | undefined): void {
  if (errno !== undefined) throw new SystemFailure(errno);
}
