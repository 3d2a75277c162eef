/**
 * The header that fio puts in front of every block that it will verify (`struct verify_header` and
 * `struct vhdr_crc32` of fio 3.33), so that what we write fio can check, and the other way round. All
 * numbers little-endian:
 *
 *      0  u16  magic 0xacca
 *      2  u16  kind: 5 is crc32c
 *      4  u32  bytes of the interval, header included
 *      8  u64  seed that the contents came from
 *     16  u64  byte offset of the interval
 *     24  u32  seconds, 28 u32 nanoseconds of the write (fio's own clock; 0 here)
 *     32  u16  thread number
 *     34  u16  number of the write, its low 16 bits
 *     36  u32  CRC-32C of the 36 bytes before
 *     40  u32  CRC-32C of everything behind the header
 *
 * fio's CRC-32C lacks the inversion at the end.
 */
import { crc32c } from '../../ledger/crc32c.ts';

const magic = 0xacca;
const kindCrc32c = 5;
const checksumAt = 36;
export const crc32cHeaderBytes = 44;
const two32 = 2 ** 32;

export interface HeaderFields {
  readonly byteOffset: number;
  readonly threadNumber: number;
  /** From 0. */
  readonly writeNumber: number;
  /** 32 bits; fio reads it back and nothing else. */
  readonly contentSeed: number;
}

/** What is wrong with a block that was read back. */
export type HeaderDamage =
  /** Not written, or overwritten by something else: no header, or one that does not check. */
  | 'no-header'
  /** The header of another place. */
  | 'misdirected'
  /** The header of an older or newer write of this place. */
  | 'stale'
  /** The header is right, and the bytes behind it are not. */
  | 'corrupt';

/** Writes the header of one interval over its first bytes, for contents that are already there. */
export function writeHeader(interval: Uint8Array, fields: HeaderFields): void {
  const view = new DataView(interval.buffer, interval.byteOffset, interval.byteLength);
  view.setUint16(0, magic, true);
  view.setUint16(2, kindCrc32c, true);
  view.setUint32(4, interval.length, true);
  view.setUint32(8, fields.contentSeed, true);
  view.setUint32(12, 0, true);
  view.setUint32(16, fields.byteOffset % two32, true);
  view.setUint32(20, Math.floor(fields.byteOffset / two32), true);
  view.setFloat64(24, 0, true);
  view.setUint16(32, fields.threadNumber & 0xffff, true);
  view.setUint16(34, fields.writeNumber & 0xffff, true);
  view.setUint32(checksumAt, fioCrc(interval.subarray(0, checksumAt)), true);
  view.setUint32(40, fioCrc(interval.subarray(crc32cHeaderBytes)), true);
}

/**
 * Checks one interval that was read from `byteOffset`; undefined where it is right. Without a
 * `writeNumber` any write of that place will do, which is all that fio asks for.
 */
export function inspectHeader(
  interval: Uint8Array,
  byteOffset: number,
  writeNumber?: number,
): HeaderDamage | undefined {
  const view = new DataView(interval.buffer, interval.byteOffset, interval.byteLength);
  const isHeader =
    view.getUint16(0, true) === magic &&
    view.getUint16(2, true) === kindCrc32c &&
    view.getUint32(4, true) === interval.length &&
    view.getUint32(checksumAt, true) === fioCrc(interval.subarray(0, checksumAt));
  if (!isHeader) return 'no-header';
  const saidOffset = view.getUint32(16, true) + view.getUint32(20, true) * two32;
  if (saidOffset !== byteOffset) return 'misdirected';
  if (view.getUint32(40, true) !== fioCrc(interval.subarray(crc32cHeaderBytes))) return 'corrupt';
  const isOther = writeNumber !== undefined && view.getUint16(34, true) !== (writeNumber & 0xffff);
  return isOther ? 'stale' : undefined;
}

function fioCrc(bytes: Uint8Array): number {
  return ~crc32c(bytes) >>> 0;
}
