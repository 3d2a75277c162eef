/**
 * A ledger as a file that is only appended to:
 *
 *     header  8 bytes "PWCLEDGR", u32 version (1), f64 seed, u32 CRC-32C of the 20 bytes before it
 *     frames  u32 body bytes, u32 CRC-32C of body, u32 CRC-32C of the 8 bytes before it; then the body
 *             (one record, ledger-record.ts); the last frame of a whole file is the `end` record
 *
 * A writer that was stopped leaves a prefix of a frame, or zeros where the file had grown but its
 * bytes had not arrived: such a tail is cut and reported. Anything else that is wrong, and anything
 * wrong before the tail, is damage: what the file says can then not be trusted.
 */
import { HarnessError, type LedgerView } from '../contract/index.ts';
import { createLedger } from './ack-ledger.ts';
import { crc32c } from './crc32c.ts';
import { decodeRecord, encodeRecord, type LedgerRecord } from './ledger-record.ts';

const fileMagic = 'PWCLEDGR';
const fileVersion = 1;
const headerBytes = 24;
const frameHeaderBytes = 12;

export interface LedgerFileContents {
  readonly view: LedgerView;
  /** Whether the file ends with its `end` record: nothing is missing. */
  readonly complete: boolean;
  /** Bytes of a torn tail that were left out. */
  readonly cutBytes: number;
}

/** The whole file of a ledger that is at its end. */
export function encodeLedger(view: LedgerView): Uint8Array {
  const parts = [encodeHeader(view.seed)];
  let recordCount = 0;
  for (const record of recordsOf(view)) {
    parts.push(encodeFrame(record));
    recordCount++;
  }
  parts.push(encodeFrame({ kind: 'end', recordCount }));
  return Buffer.concat(parts);
}

/** Reads a file that must be whole; throws EVIDENCE_DAMAGED where it is torn, cut or corrupt. */
export function decodeLedger(bytes: Uint8Array): LedgerView {
  const { view, complete, cutBytes } = readLedger(bytes);
  if (!complete) {
    throw damage(
      `it stops after record ${view.end} (${cutBytes} torn bytes follow), without an end`,
    );
  }
  return view;
}

/** Reads a file whose writer may have been stopped; throws EVIDENCE_DAMAGED where it is corrupt. */
export function readLedger(bytes: Uint8Array): LedgerFileContents {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ledger = createLedger({ seed: readHeader(file) });
  let recordCount = 0;
  let offset = headerBytes;
  while (offset < file.length) {
    const body = bodyAt(file, offset);
    if (body === undefined) {
      return { view: ledger.view(), complete: false, cutBytes: file.length - offset };
    }
    const record = decodeAt(body, offset);
    offset += frameHeaderBytes + body.length;
    if (record.kind === 'end') {
      checkEnd(record.recordCount, recordCount, file.length - offset);
      return { view: ledger.view(), complete: true, cutBytes: 0 };
    }
    applyAt(record, () => {
      recordIn(ledger, record);
    });
    recordCount++;
  }
  return { view: ledger.view(), complete: false, cutBytes: 0 };
}

export function encodeHeader(seed: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.write(fileMagic, 0, 'latin1');
  header.writeUInt32LE(fileVersion, 8);
  header.writeDoubleLE(seed, 12);
  header.writeUInt32LE(crc32c(header.subarray(0, 20)), 20);
  return header;
}

export function encodeFrame(record: LedgerRecord): Buffer {
  const body = encodeRecord(record);
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt32LE(body.length, 0);
  header.writeUInt32LE(crc32c(body), 4);
  header.writeUInt32LE(crc32c(header.subarray(0, 8)), 8);
  return Buffer.concat([header, body]);
}

function readHeader(file: Buffer): number {
  if (file.length < headerBytes) {
    throw damage(`it has ${file.length} bytes, fewer than the header's ${headerBytes}`);
  }
  if (file.toString('latin1', 0, 8) !== fileMagic) throw damage('it does not begin as a ledger');
  if (file.readUInt32LE(20) !== crc32c(file.subarray(0, 20))) {
    throw damage('the checksum of its header is wrong');
  }
  const version = file.readUInt32LE(8);
  if (version !== fileVersion) {
    throw damage(`its version is ${version}, this program reads version ${fileVersion}`);
  }
  return file.readDoubleLE(12);
}

/** The body of the frame, or undefined where a torn tail begins. */
function bodyAt(file: Buffer, offset: number): Buffer | undefined {
  const rest = file.subarray(offset);
  if (rest.length < frameHeaderBytes) return undefined;
  if (rest.readUInt32LE(8) !== crc32c(rest.subarray(0, 8))) {
    if (isZero(rest.subarray(frameHeaderBytes))) return undefined;
    throw damage(`the frame header at byte ${offset} is corrupt`);
  }
  const end = frameHeaderBytes + rest.readUInt32LE(0);
  if (rest.length < end) return undefined;
  const body = rest.subarray(frameHeaderBytes, end);
  if (rest.readUInt32LE(4) === crc32c(body)) return body;
  if (isZero(rest.subarray(end))) return undefined;
  throw damage(`the record at byte ${offset} is corrupt`);
}

/** Whether nothing but zeros is there, or nothing at all. */
function isZero(bytes: Buffer): boolean {
  return bytes.length === 0 || (bytes[0] === 0 && bytes.equals(Buffer.alloc(bytes.length)));
}

function decodeAt(body: Buffer, offset: number): LedgerRecord {
  try {
    return decodeRecord(body);
  } catch (error) {
    throw damage(`the record at byte ${offset} cannot be read: ${String(error)}`, error);
  }
}

function checkEnd(promised: number, found: number, bytesAfter: number): void {
  if (promised !== found) throw damage(`it should hold ${promised} records but holds ${found}`);
  if (bytesAfter > 0) throw damage(`${bytesAfter} bytes follow its end`);
}

/** A record that the ledger would not have taken cannot have come from one. */
function applyAt(record: LedgerRecord, apply: () => void): void {
  try {
    apply();
  } catch (error) {
    throw damage(`a ${record.kind} record contradicts those before it: ${String(error)}`, error);
  }
}

function recordIn(ledger: ReturnType<typeof createLedger>, record: LedgerRecord): void {
  switch (record.kind) {
    case 'invoke':
      ledger.invoke(record.op, record.writer, record.atNs);
      break;
    case 'settle':
      ledger.settle(record.id, record.outcome, record.atNs);
      break;
    case 'mark':
      ledger.mark(record.mark);
      break;
    case 'end':
      break;
  }
}

/** The records of a ledger in the order of their positions. */
function recordsOf(view: LedgerView): LedgerRecord[] {
  const records: LedgerRecord[] = [];
  for (const {
    id,
    op,
    writer,
    invokedAt,
    invokedNs,
    settledAt,
    settledNs,
    outcome,
  } of view.entries) {
    records[invokedAt - 1] = { kind: 'invoke', op, writer, atNs: invokedNs };
    if (settledAt !== Infinity) {
      records[settledAt - 1] = { kind: 'settle', id, outcome, atNs: settledNs };
    }
  }
  for (const { at, mark } of view.marks) records[at - 1] = { kind: 'mark', mark };
  return records;
}

function damage(what: string, cause?: unknown): HarnessError {
  return new HarnessError('EVIDENCE_DAMAGED', `the ledger cannot be trusted: ${what}`, { cause });
}
