/**
 * The ledger of a run on a file system, and its file in the run directory: one JSON value per line,
 *
 *     {"kind":"file-ledger","version":1,"seed":7}
 *     {"invoke":1,"op":{"kind":"create","path":"a"}}
 *     {"settle":1,"outcome":{"status":"acknowledged"}}
 *     {"end":2,"crc32c":"0badcafe"}
 *
 * The n-th line after the first is the record at position n; the last line counts them, and has the
 * checksum of all bytes before it.
 */
import assert from 'node:assert/strict';
import { z } from 'zod';
import {
  HarnessError,
  type FileLedgerEntry,
  type FileLedgerView,
  type FileOp,
  type FileOutcome,
  type LedgerPosition,
  type OpId,
} from '../contract/index.ts';
import { crc32c } from './crc32c.ts';

export interface FileLedgerOptions {
  readonly seed: number;
  /** Called once per record, after it is in the ledger: the run marks the position in the history. */
  onRecord?(position: LedgerPosition): void;
}

export interface FileLedger {
  /** Must return before the operation is carried out, or a lost operation would be invisible. */
  invoke(op: FileOp): OpId;
  settle(id: OpId, outcome: FileOutcome): void;
  /** What has been recorded so far; later records do not change it. */
  view(): FileLedgerView;
}

export function createFileLedger(options: FileLedgerOptions): FileLedger {
  return new MemoryFileLedger(options);
}

class MemoryFileLedger implements FileLedger {
  readonly #options: FileLedgerOptions;
  readonly #entries: FileLedgerEntry[] = [];
  #end: LedgerPosition = 0;
  #view: FileLedgerView | undefined;

  constructor(options: FileLedgerOptions) {
    this.#options = options;
  }

  invoke(op: FileOp): OpId {
    const id = this.#entries.length + 1;
    const invokedAt = ++this.#end;
    this.#entries.push({ id, op, invokedAt, settledAt: Infinity, outcome: undefined });
    this.#recorded();
    return id;
  }

  settle(id: OpId, outcome: FileOutcome): void {
    const entry = this.#entries[id - 1];
    assert(entry !== undefined, `operation ${id} was never invoked`);
    assert(entry.settledAt === Infinity, `operation ${id} settled before`);
    // A new object: views taken before must not change.
    this.#entries[id - 1] = { ...entry, settledAt: ++this.#end, outcome };
    this.#recorded();
  }

  view(): FileLedgerView {
    this.#view ??= {
      seed: this.#options.seed,
      end: this.#end,
      entries: this.#entries.slice(),
    };
    return this.#view;
  }

  #recorded(): void {
    this.#view = undefined;
    this.#options.onRecord?.(this.#end);
  }
}

const fileVersion = 1;
const count = z.int().min(0);
const path = z.string();
const pathOnly = { path };
const range = { path, byteOffset: count, byteCount: count };

const opSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('create'), ...pathOnly }),
  z.strictObject({ kind: z.literal('write'), ...range }),
  z.strictObject({ kind: z.literal('append'), path, byteCount: count }),
  z.strictObject({ kind: z.literal('truncate'), path, byteCount: count }),
  z.strictObject({ kind: z.literal('allocate'), ...range, keepSize: z.boolean() }),
  z.strictObject({ kind: z.literal('punch'), ...range }),
  z.strictObject({ kind: z.literal('rename'), path, to: path }),
  z.strictObject({ kind: z.literal('link'), path, to: path }),
  z.strictObject({ kind: z.literal('symlink'), path, target: z.string() }),
  z.strictObject({ kind: z.literal('unlink'), ...pathOnly }),
  z.strictObject({ kind: z.literal('mkdir'), ...pathOnly }),
  z.strictObject({ kind: z.literal('rmdir'), ...pathOnly }),
  z.strictObject({ kind: z.literal('fsync'), ...pathOnly }),
  z.strictObject({ kind: z.literal('fdatasync'), ...pathOnly }),
  z.strictObject({ kind: z.literal('sync-file-range'), ...pathOnly }),
  z.strictObject({ kind: z.literal('sync') }),
]);

const outcomeSchema = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('acknowledged') }),
  z.strictObject({ status: z.literal('failed'), errno: z.string() }),
]);

const headerSchema = z.strictObject({
  kind: z.literal('file-ledger'),
  version: z.literal(fileVersion),
  seed: z.number(),
});

const recordSchema = z.union([
  z.strictObject({ invoke: z.int().min(1), op: opSchema }),
  z.strictObject({ settle: z.int().min(1), outcome: outcomeSchema }),
]);

const endSchema = z.strictObject({ end: count, crc32c: z.string().regex(/^[0-9a-f]{8}$/) });

/** The whole file of a ledger that is at its end. */
export function encodeFileLedger(view: FileLedgerView): string {
  const header = { kind: 'file-ledger', version: fileVersion, seed: view.seed };
  const lines = [header, ...recordsOf(view)].map((line) => `${JSON.stringify(line)}\n`);
  const text = lines.join('');
  return `${text}${JSON.stringify({ end: view.end, crc32c: checksumOf(text) })}\n`;
}

/** Reads a file that must be whole; throws EVIDENCE_DAMAGED where anything about it is wrong. */
export function decodeFileLedger(text: string): FileLedgerView {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw damage('it does not end with a line');
  const last = lines.pop() ?? '';
  const end = parseLine(endSchema, last, lines.length + 1);
  const checked = text.slice(0, text.length - last.length - 1);
  if (end.crc32c !== checksumOf(checked)) throw damage('its checksum is wrong');
  const [first = '', ...rest] = lines;
  const ledger = createFileLedger({ seed: parseLine(headerSchema, first, 1).seed });
  for (const [index, line] of rest.entries()) record(ledger, line, index + 2);
  const view = ledger.view();
  if (view.end !== end.end) throw damage(`it should hold ${end.end} records, not ${view.end}`);
  return view;
}

function recordsOf(view: FileLedgerView): object[] {
  const records: object[] = [];
  for (const { id, op, invokedAt, settledAt, outcome } of view.entries) {
    records[invokedAt - 1] = { invoke: id, op };
    if (outcome !== undefined) records[settledAt - 1] = { settle: id, outcome };
  }
  return records;
}

/** A record that the ledger would not have taken cannot have come from one. */
function record(ledger: FileLedger, line: string, number: number): void {
  const parsed = parseLine(recordSchema, line, number);
  try {
    if ('op' in parsed) assert(ledger.invoke(parsed.op) === parsed.invoke, 'ids are in order');
    else ledger.settle(parsed.settle, parsed.outcome);
  } catch (error) {
    throw damage(`line ${number} contradicts those before it: ${String(error)}`, error);
  }
}

function parseLine<T>(schema: z.ZodType<T>, line: string, number: number): T {
  try {
    return schema.parse(JSON.parse(line));
  } catch (error) {
    throw damage(`line ${number} cannot be read: ${String(error)}`, error);
  }
}

function checksumOf(text: string): string {
  return crc32c(Buffer.from(text)).toString(16).padStart(8, '0');
}

function damage(what: string, cause?: unknown): HarnessError {
  return new HarnessError('EVIDENCE_DAMAGED', `the file ledger cannot be trusted: ${what}`, {
    cause,
  });
}
