import { crc32c } from './checksums.fixture.ts';
import { Fields, Refusal } from './medium.fixture.ts';

/** A record of the log, its bytes and what its header says. */
export interface LogRecord {
  readonly lsn: number;
  readonly type: number;
  readonly tenant: number;
  readonly vshard: number;
  readonly crc: number;
  readonly payload: Fields;
  /** Header and payload. */
  readonly bytes: Uint8Array;
}

export const types = {
  blockWrite: 0x8100,
  txnBegin: 0x8101,
  txnBlock: 0x8102,
  txnCommit: 0x8103,
  txnAbort: 0x8104,
  epochStart: 0x8106,
  segHdr: 0x8107,
  undo: 0x8108,
  clr: 0x8109,
  mapUpdate: 0x810b,
  consumerMark: 0x810c,
} as const;

export function isCallers({ type }: LogRecord): boolean {
  return (type & 0x3fff) >> 8 !== 1;
}

export function mustBeKnown({ type }: LogRecord): boolean {
  return type >= 0x8000;
}

/** The records of a batch, of which the first has `firstLsn`. */
export function parseRecords(stream: Uint8Array, firstLsn: number): readonly LogRecord[] {
  const records: LogRecord[] = [];
  for (let at = 0; at < stream.length; at += records.at(-1)!.bytes.length) {
    records.push(parseRecord(stream.subarray(at), firstLsn + records.length));
  }
  return records;
}

export function parseRecord(stream: Uint8Array, lsn: number): LogRecord {
  const refuse = (found: string): never => {
    throw new Refusal('record', `the record with LSN ${lsn} ${found}`);
  };
  if (stream.length < 30) refuse('is cut short');
  const fields = new Fields(stream);
  if (fields.text(0, 4) !== 'WNYS' || fields.u16(4) !== 1) refuse('has another magic or version');
  const byteCount = 30 + fields.u32(22);
  if (byteCount > stream.length) refuse('goes on behind its batch');
  const bytes = stream.slice(0, byteCount);
  const crc = fields.u32(26);
  if (crc !== crc32c(bytes.subarray(30), crc32c(bytes.subarray(0, 26)))) refuse('is damaged');
  if (fields.u64(8) !== lsn) refuse(`says ${fields.u64(8)}`);
  return {
    lsn,
    type: fields.u16(6),
    tenant: fields.u32(16),
    vshard: fields.u16(20),
    crc,
    payload: new Fields(bytes.subarray(30)),
    bytes,
  };
}

export interface EpochStart {
  readonly epoch: number;
  readonly lastLsnBefore: number;
  readonly lsn: number;
  readonly pageSeq: number;
  readonly salt: Uint8Array;
}

export function epochStart(payload: Fields): EpochStart {
  return {
    epoch: payload.u32(0),
    lastLsnBefore: payload.u64(8),
    lsn: payload.u64(16),
    pageSeq: payload.u64(24),
    salt: payload.slice(32, 32),
  };
}
