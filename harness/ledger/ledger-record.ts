/**
 * The bytes of one ledger record (numbers little-endian):
 *
 *     invoke     u8 1, u32 writer, f64 atNs, operation
 *     settle     u8 2, u32 operation id, f64 atNs, u8 status (1 acknowledged, 2 rejected,
 *                3 indeterminate), then the reason in UTF-8 to the end of the record
 *     fault      u8 3, then the firing as JSON
 *     crash      u8 4, u32 ended epoch
 *     recovered  u8 5, u32 epoch, u32 block count, u32 log count, i32 per block, i32 per log record
 *     end        u8 6, f64 number of records before it
 *
 * An operation is
 *
 *     write        u8 1, f64 block, u32 block count
 *     transaction  u8 2, u32 count, per change: f64 block, u8 whether it has a value, f64 value
 *     flush        u8 3
 *     append       u8 4, u32 byte count
 */
import type {
  BlockChange,
  FaultFiring,
  LedgerMark,
  Nanoseconds,
  Op,
  OpId,
  Outcome,
} from '../contract/index.ts';

export type LedgerRecord =
  | {
      readonly kind: 'invoke';
      readonly op: Op;
      readonly writer: number;
      readonly atNs: Nanoseconds;
    }
  | {
      readonly kind: 'settle';
      readonly id: OpId;
      readonly outcome: Outcome;
      readonly atNs: Nanoseconds;
    }
  | { readonly kind: 'mark'; readonly mark: LedgerMark }
  | { readonly kind: 'end'; readonly recordCount: number };

const tags = { invoke: 1, settle: 2, fault: 3, crash: 4, recovered: 5, end: 6 } as const;
const statuses = ['acknowledged', 'rejected', 'indeterminate'] as const;
const changeBytes = 17;

export function encodeRecord(record: LedgerRecord): Buffer {
  switch (record.kind) {
    case 'invoke':
      return encodeInvoke(record.op, record.writer, record.atNs);
    case 'settle':
      return encodeSettle(record.id, record.outcome, record.atNs);
    case 'mark':
      return encodeMark(record.mark);
    case 'end': {
      const bytes = tagged(tags.end, 9);
      bytes.writeDoubleLE(record.recordCount, 1);
      return bytes;
    }
  }
}

function tagged(tag: number, byteCount: number): Buffer {
  const bytes = Buffer.alloc(byteCount);
  bytes[0] = tag;
  return bytes;
}

function encodeInvoke(op: Op, writer: number, atNs: Nanoseconds): Buffer {
  const bytes = tagged(tags.invoke, 13 + opBytes(op));
  bytes.writeUInt32LE(writer, 1);
  bytes.writeDoubleLE(atNs, 5);
  writeOp(bytes, op, 13);
  return bytes;
}

function opBytes(op: Op): number {
  switch (op.kind) {
    case 'write':
      return 13;
    case 'transaction':
      return 5 + changeBytes * op.changes.length;
    case 'flush':
      return 1;
    case 'append':
      return 5;
  }
}

function writeOp(bytes: Buffer, op: Op, at: number): void {
  switch (op.kind) {
    case 'write':
      bytes[at] = 1;
      bytes.writeDoubleLE(op.block, at + 1);
      bytes.writeUInt32LE(op.blockCount, at + 9);
      break;
    case 'transaction':
      bytes[at] = 2;
      bytes.writeUInt32LE(op.changes.length, at + 1);
      for (const [index, change] of op.changes.entries()) {
        writeChange(bytes, change, at + 5 + changeBytes * index);
      }
      break;
    case 'flush':
      bytes[at] = 3;
      break;
    case 'append':
      bytes[at] = 4;
      bytes.writeUInt32LE(op.byteCount, at + 1);
      break;
  }
}

function writeChange(bytes: Buffer, change: BlockChange, at: number): void {
  bytes.writeDoubleLE(change.block, at);
  bytes[at + 8] = change.value === undefined ? 0 : 1;
  bytes.writeDoubleLE(change.value ?? 0, at + 9);
}

function encodeSettle(id: OpId, outcome: Outcome, atNs: Nanoseconds): Buffer {
  const reason = outcome.status === 'acknowledged' ? '' : outcome.reason;
  const bytes = tagged(tags.settle, 14 + Buffer.byteLength(reason));
  bytes.writeUInt32LE(id, 1);
  bytes.writeDoubleLE(atNs, 5);
  bytes[13] = 1 + statuses.indexOf(outcome.status);
  bytes.write(reason, 14);
  return bytes;
}

function encodeMark(mark: LedgerMark): Buffer {
  switch (mark.kind) {
    case 'fault':
      return Buffer.concat([tagged(tags.fault, 1), Buffer.from(JSON.stringify(mark.firing))]);
    case 'crash': {
      const bytes = tagged(tags.crash, 5);
      bytes.writeUInt32LE(mark.endedEpoch, 1);
      return bytes;
    }
    case 'recovered': {
      const { blocks, log } = mark.observed;
      const bytes = tagged(tags.recovered, 13 + 4 * (blocks.length + log.length));
      bytes.writeUInt32LE(mark.epoch, 1);
      bytes.writeUInt32LE(blocks.length, 5);
      bytes.writeUInt32LE(log.length, 9);
      blocks.forEach((op, index) => bytes.writeInt32LE(op, 13 + 4 * index));
      log.forEach((op, index) => bytes.writeInt32LE(op, 13 + 4 * (blocks.length + index)));
      return bytes;
    }
  }
}

/** Throws where the bytes are no record; the caller says which file and where. */
export function decodeRecord(bytes: Buffer): LedgerRecord {
  switch (bytes.readUInt8(0)) {
    case tags.invoke:
      return {
        kind: 'invoke',
        writer: bytes.readUInt32LE(1),
        atNs: bytes.readDoubleLE(5),
        op: readOp(bytes, 13),
      };
    case tags.settle:
      return {
        kind: 'settle',
        id: bytes.readUInt32LE(1),
        atNs: bytes.readDoubleLE(5),
        outcome: readOutcome(bytes),
      };
    case tags.fault: {
      const firing = JSON.parse(bytes.toString('utf8', 1)) as FaultFiring;
      return { kind: 'mark', mark: { kind: 'fault', firing } };
    }
    case tags.crash:
      return { kind: 'mark', mark: { kind: 'crash', endedEpoch: bytes.readUInt32LE(1) } };
    case tags.recovered:
      return { kind: 'mark', mark: readRecovered(bytes) };
    case tags.end:
      return { kind: 'end', recordCount: bytes.readDoubleLE(1) };
    default:
      throw new RangeError(`unknown record type ${bytes.readUInt8(0)}`);
  }
}

function readOp(bytes: Buffer, at: number): Op {
  switch (bytes.readUInt8(at)) {
    case 1:
      return {
        kind: 'write',
        block: bytes.readDoubleLE(at + 1),
        blockCount: bytes.readUInt32LE(at + 9),
      };
    case 2:
      return { kind: 'transaction', changes: readChanges(bytes, at + 1) };
    case 3:
      return { kind: 'flush' };
    case 4:
      return { kind: 'append', byteCount: bytes.readUInt32LE(at + 1) };
    default:
      throw new RangeError(`unknown operation type ${bytes.readUInt8(at)}`);
  }
}

function readChanges(bytes: Buffer, at: number): BlockChange[] {
  const count = bytes.readUInt32LE(at);
  const changes: BlockChange[] = [];
  for (let index = 0; index < count; index++) {
    const start = at + 4 + changeBytes * index;
    const block = bytes.readDoubleLE(start);
    const hasValue = bytes.readUInt8(start + 8) === 1;
    changes.push(hasValue ? { block, value: bytes.readDoubleLE(start + 9) } : { block });
  }
  return changes;
}

function readOutcome(bytes: Buffer): Outcome {
  const status = statuses[bytes.readUInt8(13) - 1];
  if (status === undefined) throw new RangeError(`unknown outcome ${bytes.readUInt8(13)}`);
  if (status === 'acknowledged') return { status };
  return { status, reason: bytes.toString('utf8', 14) };
}

function readRecovered(bytes: Buffer): LedgerMark {
  const blockCount = bytes.readUInt32LE(5);
  const logCount = bytes.readUInt32LE(9);
  const expected = 13 + 4 * (blockCount + logCount);
  if (bytes.length !== expected) {
    throw new RangeError(`${bytes.length} bytes of recovered contents, expected ${expected}`);
  }
  const blocks = readInt32s(bytes, 13, blockCount);
  const log = readInt32s(bytes, 13 + 4 * blockCount, logCount);
  return { kind: 'recovered', epoch: bytes.readUInt32LE(1), observed: { blocks, log } };
}

function readInt32s(bytes: Buffer, at: number, count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, index) => bytes.readInt32LE(at + 4 * index));
}
