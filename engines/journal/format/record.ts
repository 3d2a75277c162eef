import { crc32cOfFew, type Crc32c } from './crc32c.ts';
import { readU64, viewOf, writeU64 } from './u64.ts';

/**
 * The record header: 30 bytes, packed, little-endian, byte for byte that of NodeDB's log at format
 * version 1 (REQUIREMENTS C1; golden vector in JOURNAL-ENGINE §5). The CRC covers bytes 0 to 25 and
 * the payload.
 */
export const recordHeaderBytes = 30;
/** "WNYS" in the order of the bytes on the medium. */
export const recordMagic = 0x53594e57;
export const recordFormat = 1;
/** Part of the header that the CRC covers. */
const coveredHeaderBytes = 26;

export const recordAt = {
  magic: 0,
  format: 4,
  type: 6,
  lsn: 8,
  tenant: 16,
  vshard: 20,
  payloadBytes: 22,
  crc: 26,
} as const;

export interface RecordHeader {
  readonly type: number;
  readonly lsn: number;
  readonly tenant: number;
  readonly vshard: number;
  readonly payloadBytes: number;
}

/** A header's bytes, with a view over them. */
export interface RecordHeaderBytes {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export function recordHeaderBuffer(): RecordHeaderBytes {
  const bytes = new Uint8Array(recordHeaderBytes);
  return { bytes, view: viewOf(bytes) };
}

/** Writes all of the header but its CRC; answers the CRC so far, which goes on with the payload. */
export function beginRecordHeader(
  { bytes, view }: RecordHeaderBytes,
  header: RecordHeader,
): number {
  view.setUint32(recordAt.magic, recordMagic, true);
  view.setUint16(recordAt.format, recordFormat, true);
  view.setUint16(recordAt.type, header.type, true);
  writeU64(view, recordAt.lsn, header.lsn);
  view.setUint32(recordAt.tenant, header.tenant, true);
  view.setUint16(recordAt.vshard, header.vshard, true);
  view.setUint32(recordAt.payloadBytes, header.payloadBytes, true);
  return crc32cOfFew(bytes, 0, coveredHeaderBytes, 0);
}

export function completeRecordHeader({ view }: RecordHeaderBytes, crc: number): void {
  view.setUint32(recordAt.crc, crc, true);
}

export function readRecordHeader(view: DataView, at: number): RecordHeader {
  return {
    type: view.getUint16(at + recordAt.type, true),
    lsn: readU64(view, at + recordAt.lsn),
    tenant: view.getUint32(at + recordAt.tenant, true),
    vshard: view.getUint16(at + recordAt.vshard, true),
    payloadBytes: view.getUint32(at + recordAt.payloadBytes, true),
  };
}

/** Whether the CRC of the record at `at`, whose payload ends at `end`, fits its bytes. */
export function isRecordWhole(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  crc32c: Crc32c,
): boolean {
  const header = crc32cOfFew(bytes, at, at + coveredHeaderBytes, 0);
  const computed = crc32c(bytes.subarray(at + recordHeaderBytes, end), header);
  return computed === view.getUint32(at + recordAt.crc, true);
}
