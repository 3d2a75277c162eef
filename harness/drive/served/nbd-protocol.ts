/**
 * The network block device protocol, as far as a server of one export with simple replies needs it:
 * https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md. All numbers are big-endian.
 */
import { Buffer } from 'node:buffer';

const initMagic = 'NBDMAGIC';
const optionMagic = 'IHAVEOPT';
const optionReplyMagic = Buffer.from('0003e889045565a9', 'hex');
const requestMagic = 0x25609513;
const simpleReplyMagic = 0x67446698;

const handshakeFlag = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const option = { exportName: 1, abort: 2, list: 3, info: 6, go: 7 } as const;

export const optionReply = {
  ack: 1,
  server: 2,
  info: 3,
  unsupported: 2 ** 31 + 1,
  invalid: 2 ** 31 + 3,
  unknown: 2 ** 31 + 6,
} as const;

const infoType = { export: 0, blockSize: 3 } as const;

export const command = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  writeZeroes: 6,
} as const;

/** NBD_CMD_FLAG_FUA. */
const commandFlagFua = 1;

const transmissionFlag = {
  hasFlags: 1 << 0,
  sendFlush: 1 << 2,
  sendFua: 1 << 3,
  sendTrim: 1 << 5,
  sendWriteZeroes: 1 << 6,
} as const;

/** The numbers that the protocol gives to errors: those of Linux. */
export const nbdError = { ok: 0, EIO: 5, EINVAL: 22, ENOSPC: 28, EOPNOTSUPP: 95 } as const;

/** What a client is told of the export. */
export interface ExportFacts {
  readonly name: string;
  readonly byteCount: number;
  readonly blockBytes: number;
  readonly supportsFua: boolean;
}

/** Most bytes of a read or write; clients keep to it when they are told nothing else. */
export const transferBytesMax = 32 * 1024 * 1024;
const preferredBytes = 4096;

export function greeting(): Buffer {
  const bytes = Buffer.alloc(18);
  bytes.write(initMagic + optionMagic, 'latin1');
  bytes.writeUInt16BE(handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes, 16);
  return bytes;
}

export const clientFlagsBytes = 4;

export interface ClientFlags {
  readonly isFixedNewstyle: boolean;
  readonly omitsZeroes: boolean;
}

export function readClientFlags(bytes: Buffer): ClientFlags {
  const flags = bytes.readUInt32BE(0);
  return {
    isFixedNewstyle: (flags & handshakeFlag.fixedNewstyle) !== 0,
    omitsZeroes: (flags & handshakeFlag.noZeroes) !== 0,
  };
}

export const optionHeadBytes = 16;

/** Undefined where it is no option. */
export function readOptionHead(bytes: Buffer): { option: number; byteCount: number } | undefined {
  if (bytes.toString('latin1', 0, 8) !== optionMagic) return undefined;
  return { option: bytes.readUInt32BE(8), byteCount: bytes.readUInt32BE(12) };
}

/** The name that NBD_OPT_INFO or NBD_OPT_GO asks for; undefined where the data are none. */
export function readWantedName(data: Buffer): string | undefined {
  if (data.length < 6) return undefined;
  const nameBytes = data.readUInt32BE(0);
  return nameBytes + 6 <= data.length ? data.toString('utf8', 4, 4 + nameBytes) : undefined;
}

export function optionReplyOf(
  to: number,
  type: number,
  data: Uint8Array = new Uint8Array(0),
): Buffer {
  const head = Buffer.alloc(20);
  optionReplyMagic.copy(head);
  head.writeUInt32BE(to, 8);
  head.writeUInt32BE(type, 12);
  head.writeUInt32BE(data.length, 16);
  return Buffer.concat([head, data]);
}

/** The name of the export, as NBD_OPT_LIST is answered. */
export function listedName({ name }: ExportFacts): Buffer {
  const text = Buffer.from(name, 'utf8');
  const data = Buffer.alloc(4 + text.length);
  data.writeUInt32BE(text.length, 0);
  text.copy(data, 4);
  return data;
}

/** NBD_INFO_EXPORT. */
export function exportInfo(facts: ExportFacts): Buffer {
  const data = Buffer.alloc(12);
  data.writeUInt16BE(infoType.export, 0);
  sizeAndFlags(facts).copy(data, 2);
  return data;
}

/** NBD_INFO_BLOCK_SIZE. */
export function blockSizeInfo({ blockBytes }: ExportFacts): Buffer {
  const data = Buffer.alloc(14);
  data.writeUInt16BE(infoType.blockSize, 0);
  data.writeUInt32BE(blockBytes, 2);
  data.writeUInt32BE(Math.max(preferredBytes, blockBytes), 6);
  data.writeUInt32BE(transferBytesMax, 10);
  return data;
}

/** The answer to NBD_OPT_EXPORT_NAME, which has no head. */
export function exportNameAnswer(facts: ExportFacts, { omitsZeroes }: ClientFlags): Buffer {
  return Buffer.concat([sizeAndFlags(facts), Buffer.alloc(omitsZeroes ? 0 : 124)]);
}

function sizeAndFlags({ byteCount, supportsFua }: ExportFacts): Buffer {
  const { hasFlags, sendFlush, sendFua, sendTrim, sendWriteZeroes } = transmissionFlag;
  const data = Buffer.alloc(10);
  data.writeBigUInt64BE(BigInt(byteCount), 0);
  const flags = hasFlags | sendFlush | sendTrim | sendWriteZeroes | (supportsFua ? sendFua : 0);
  data.writeUInt16BE(flags, 8);
  return data;
}

export const requestHeadBytes = 28;

export interface NbdRequest {
  readonly command: number;
  readonly fua: boolean;
  /** Eight bytes that come back with the answer. */
  readonly cookie: Buffer;
  readonly byteOffset: number;
  readonly byteCount: number;
}

/** Undefined where it is no request. */
export function readRequestHead(bytes: Buffer): NbdRequest | undefined {
  if (bytes.readUInt32BE(0) !== requestMagic) return undefined;
  return {
    fua: (bytes.readUInt16BE(4) & commandFlagFua) !== 0,
    command: bytes.readUInt16BE(6),
    cookie: bytes.subarray(8, 16),
    // Exact up to 2^53; larger numbers are larger than any device.
    byteOffset: bytes.readUInt32BE(16) * 2 ** 32 + bytes.readUInt32BE(20),
    byteCount: bytes.readUInt32BE(24),
  };
}

export function simpleReply(cookie: Buffer, error: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(simpleReplyMagic, 0);
  bytes.writeUInt32BE(error, 4);
  cookie.copy(bytes, 8);
  return bytes;
}
