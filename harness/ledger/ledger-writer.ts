import * as fs from 'node:fs';
import type {
  AckLedger,
  LedgerMark,
  LedgerView,
  Nanoseconds,
  Op,
  OpId,
  Outcome,
} from '../contract/index.ts';
import { encodeFrame, encodeHeader } from './ledger-file.ts';
import type { LedgerRecord } from './ledger-record.ts';

/**
 * Appends records to a ledger file. Each is handed to the operating system before the call returns,
 * so that it outlives this process; `sync` makes the file outlive the machine. A file that was
 * abandoned, and not ended, is readable up to its last whole record.
 */
export class LedgerWriter implements AsyncDisposable {
  readonly #file: number;
  #recordCount = 0;
  #isOpen = true;

  private constructor(file: number) {
    this.#file = file;
  }

  /** Refuses to overwrite: a ledger that exists is evidence. */
  static create(path: string, seed: number): LedgerWriter {
    const file = fs.openSync(path, 'ax');
    fs.writeSync(file, encodeHeader(seed));
    return new LedgerWriter(file);
  }

  append(record: LedgerRecord): void {
    const frame = encodeFrame(record);
    for (let written = 0; written < frame.length;) {
      written += fs.writeSync(this.#file, frame, written);
    }
    this.#recordCount++;
  }

  sync(): void {
    fs.fdatasyncSync(this.#file);
  }

  /** Marks the file whole and closes it. */
  end(): void {
    this.append({ kind: 'end', recordCount: this.#recordCount });
    this.sync();
    this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
  }

  #close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    fs.closeSync(this.#file);
  }
}

/** A ledger whose every record is in the file too, before the call returns. */
export function mirrored(ledger: AckLedger, writer: LedgerWriter): AckLedger {
  return {
    invoke(op: Op, by: number, atNs: Nanoseconds): OpId {
      writer.append({ kind: 'invoke', op, writer: by, atNs });
      return ledger.invoke(op, by, atNs);
    },
    settle(id: OpId, outcome: Outcome, atNs: Nanoseconds): void {
      writer.append({ kind: 'settle', id, outcome, atNs });
      ledger.settle(id, outcome, atNs);
    },
    mark(mark: LedgerMark): void {
      writer.append({ kind: 'mark', mark });
      ledger.mark(mark);
    },
    view: (): LedgerView => ledger.view(),
  };
}
