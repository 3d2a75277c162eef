import { Buffer } from 'node:buffer';
import * as fs from 'node:fs';
import { HarnessError } from '../../contract/index.ts';
import {
  logFlags,
  parseHeader,
  parseSuper,
  superBytes,
  type LogHeader,
  type LogSuper,
} from './log-format.ts';

/** The last entry of a log that the kernel was allowed to close. */
export const endMark = 'dm-log-writes-end';

export interface WriteLogOptions {
  /**
   * Where the log ends, if no end mark comes before. `entry-count`: where its super block says.
   * `last-valid-entry`: before the first block that is no header, or whose data are cut short; for a
   * log whose writer was killed. Then what it is on must have been zeroed before, or the rest of an
   * older log is read as if it belonged to this one.
   */
  readonly until: 'entry-count' | 'last-valid-entry';
  /** Blocks of the drive that was logged: an entry beyond them is damage. Not checked unless given. */
  readonly capacityBlocks?: number;
}

export type LogEntryKind = 'write' | 'flush' | 'discard' | 'mark';

export interface LogEntry {
  /** From 0, as the tools of fstests count. */
  readonly number: number;
  /** Of its header in the log. */
  readonly byteOffset: number;
  /** A `flush` that carries blocks is a flush, and after it a write. */
  readonly kind: LogEntryKind;
  readonly fua: boolean;
  readonly metadata: boolean;
  readonly lba: number;
  readonly blockCount: number;
  /** Of its data in the log. */
  readonly dataOffset: number;
  /** Zero where no data follow. */
  readonly dataBytes: number;
  /** Of a mark. */
  readonly text: string;
}

/** A write log in a file or on a block device. Reads what it is asked for and keeps nothing. */
export class WriteLog implements AsyncDisposable {
  readonly path: string;
  readonly blockBytes: number;
  /** As the super block has it. */
  readonly entryCount: number;
  readonly #fd: number;
  readonly #options: WriteLogOptions;

  private constructor(path: string, fd: number, found: LogSuper, options: WriteLogOptions) {
    this.path = path;
    this.#fd = fd;
    this.blockBytes = found.blockBytes;
    this.entryCount = found.entryCount;
    this.#options = options;
  }

  /** Throws UNAVAILABLE where it cannot be opened, EVIDENCE_DAMAGED where it is no write log. */
  static open(path: string, options: WriteLogOptions): WriteLog {
    const fd = openForReading(path);
    try {
      const found = parseSuper(readUpTo(fd, 0, superBytes));
      if (typeof found !== 'string') return new WriteLog(path, fd, found, options);
      throw new HarnessError('EVIDENCE_DAMAGED', `${path} is no write log: ${found}`);
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
  }

  /**
   * The entries in order; an end mark is the last. Throws EVIDENCE_DAMAGED, with the entry and its
   * place, for one that is no entry, lies beyond the drive or is cut short.
   */
  *entries(): Generator<LogEntry> {
    let byteOffset = this.blockBytes;
    for (let number = 0; ; number++) {
      if (this.#options.until === 'entry-count' && number === this.entryCount) return;
      const entry = this.#entryAt(number, byteOffset);
      if (typeof entry === 'string') {
        if (this.#options.until === 'last-valid-entry') return;
        throw this.damage({ number, byteOffset }, entry);
      }
      yield entry;
      if (entry.kind === 'mark' && entry.text === endMark) return;
      byteOffset = entry.dataOffset + entry.dataBytes;
    }
  }

  /** The blocks of the entry, in memory of their own. */
  readData(entry: LogEntry): Uint8Array {
    const data = readUpTo(this.#fd, entry.dataOffset, entry.dataBytes);
    if (data.length === entry.dataBytes) return data;
    throw this.damage(entry, `its data end after ${data.length} of ${entry.dataBytes} bytes`);
  }

  /** An error that says where in the log it lies. */
  damage(entry: Pick<LogEntry, 'number' | 'byteOffset'>, problem: string): HarnessError {
    return new HarnessError(
      'EVIDENCE_DAMAGED',
      `${this.path}: entry ${entry.number} at byte ${entry.byteOffset}: ${problem}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    fs.closeSync(this.#fd);
  }

  /** A string says why there is none. */
  #entryAt(number: number, byteOffset: number): LogEntry | string {
    const block = readUpTo(this.#fd, byteOffset, this.blockBytes);
    if (block.length < this.blockBytes) return 'the log ends here';
    const parsed = parseHeader(block);
    if ('problem' in parsed) return parsed.problem;
    const entry = entryOf(parsed.header, number, byteOffset, this.blockBytes);
    return this.#problemOf(entry) ?? entry;
  }

  #problemOf({ lba, blockCount, dataOffset, dataBytes }: LogEntry): string | undefined {
    const { capacityBlocks = Infinity } = this.#options;
    if (lba + blockCount > capacityBlocks) {
      return `blocks ${lba} to ${lba + blockCount - 1} of a drive that has ${capacityBlocks}`;
    }
    if (dataBytes === 0 || readUpTo(this.#fd, dataOffset + dataBytes - 1, 1).length === 1) {
      return undefined;
    }
    return `its ${dataBytes} bytes of data are cut short`;
  }
}

function entryOf(
  { lba, blockCount, flags, text }: LogHeader,
  number: number,
  byteOffset: number,
  blockBytes: number,
): LogEntry {
  const kind = kindOf(flags);
  return {
    number,
    byteOffset,
    kind,
    fua: (flags & logFlags.fua) !== 0,
    metadata: (flags & logFlags.metadata) !== 0,
    lba,
    blockCount,
    dataOffset: byteOffset + blockBytes,
    dataBytes: kind === 'discard' ? 0 : blockCount * blockBytes,
    text,
  };
}

function kindOf(flags: number): LogEntryKind {
  if ((flags & logFlags.mark) !== 0) return 'mark';
  if ((flags & logFlags.flush) !== 0) return 'flush';
  return (flags & logFlags.discard) !== 0 ? 'discard' : 'write';
}

function openForReading(path: string): number {
  try {
    return fs.openSync(path, 'r');
  } catch (error) {
    throw new HarnessError('UNAVAILABLE', `cannot read the write log ${path}: ${String(error)}`, {
      cause: error,
    });
  }
}

/** Fewer bytes than asked only at the end. */
function readUpTo(fd: number, byteOffset: number, byteCount: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(byteCount);
  let done = 0;
  while (done < byteCount) {
    const read = fs.readSync(fd, bytes, done, byteCount - done, byteOffset + done);
    if (read === 0) break;
    done += read;
  }
  return bytes.subarray(0, done);
}
