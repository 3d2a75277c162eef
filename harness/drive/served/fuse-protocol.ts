/**
 * The part of the FUSE protocol that a server of one regular file needs, by the kernel's
 * include/uapi/linux/fuse.h, version 7.38, little-endian. Numbers of 64 bits are read as far as they
 * are exact; the number of a request is only ever copied.
 */
import { Buffer } from 'node:buffer';

export const fuseVersion = { major: 7, minor: 38 } as const;

export const opcode = {
  forget: 2,
  getattr: 3,
  setattr: 4,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  flush: 25,
  init: 26,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
  fallocate: 43,
} as const;

export const inHeaderBytes = 40;
export const outHeaderBytes = 16;
const uniqueAt = 8;
const uniqueBytes = 8;

/** FUSE_INIT flags. */
export const initFlag = {
  asyncRead: 1 << 0,
  bigWrites: 1 << 5,
  asyncDirectIo: 1 << 15,
  maxPages: 1 << 22,
} as const;

/** FOPEN_ flags. */
export const openFlag = {
  directIo: 1 << 0,
  noFlush: 1 << 5,
  parallelDirectWrites: 1 << 6,
} as const;

/** Modes of fallocate(2). */
export const allocateMode = { keepSize: 0x1, punchHole: 0x2, zeroRange: 0x10 } as const;

/** Numbers of Linux, positive. */
export const errno = { EIO: 5, EINVAL: 22, ENOSPC: 28, ENOSYS: 38, EOPNOTSUPP: 95 } as const;

export function opcodeOf(request: Buffer): number {
  return request.readUInt32LE(4);
}

/** Of a request and its arguments, with the header. */
export function lengthOf(request: Buffer): number {
  return request.readUInt32LE(0);
}

export interface InitRequest {
  readonly major: number;
  readonly minor: number;
  readonly readAheadBytes: number;
  readonly flags: number;
}

export function readInit(request: Buffer): InitRequest {
  return {
    major: request.readUInt32LE(inHeaderBytes),
    minor: request.readUInt32LE(inHeaderBytes + 4),
    readAheadBytes: request.readUInt32LE(inHeaderBytes + 8),
    flags: request.readUInt32LE(inHeaderBytes + 12),
  };
}

export interface Transfer {
  readonly byteOffset: number;
  readonly byteCount: number;
}

/** struct fuse_read_in and struct fuse_write_in begin alike. */
export function readTransfer(request: Buffer): Transfer {
  return {
    byteOffset: u64(request, inHeaderBytes + 8),
    byteCount: request.readUInt32LE(inHeaderBytes + 16),
  };
}

/** sizeof(struct fuse_write_in). */
const writeInBytes = 40;

/** What a write carries: a part of the request, not a copy. */
export function payloadOf(request: Buffer): Buffer {
  return request.subarray(inHeaderBytes + writeInBytes, lengthOf(request));
}

export interface Allocation extends Transfer {
  readonly mode: number;
}

export function readFallocate(request: Buffer): Allocation {
  return {
    byteOffset: u64(request, inHeaderBytes + 8),
    byteCount: u64(request, inHeaderBytes + 16),
    mode: request.readUInt32LE(inHeaderBytes + 24),
  };
}

/** Room that a request with so many bytes of payload takes: what a buffer for reading one must have. */
export function requestBytes(payloadBytes: number): number {
  // The kernel wants room for the header of the largest write, and never less than 8 KiB.
  return Math.max(8192, inHeaderBytes + writeInBytes + payloadBytes);
}

/**
 * Builds one answer after the other in the same memory: an answer holds until the next one is begun.
 * The body must be written by the caller.
 */
export class ReplyBuffer {
  readonly #buffer: Buffer;

  constructor(bodyBytesMax: number) {
    this.#buffer = Buffer.alloc(outHeaderBytes + bodyBytesMax);
  }

  /** An error, positive as errno is, has no body. */
  error(request: Buffer, error: number): Buffer {
    return this.#finish(request, -error, 0);
  }

  empty(request: Buffer): Buffer {
    return this.#finish(request, 0, 0);
  }

  /** With a body of that length, zeroed where `fill` leaves it. */
  filled(request: Buffer, byteCount: number, fill: (body: Buffer) => void): Buffer {
    fill(this.body(byteCount).fill(0));
    return this.#finish(request, 0, byteCount);
  }

  /** The memory of the body, as the last answer left it. */
  body(byteCount: number): Buffer {
    return this.#buffer.subarray(outHeaderBytes, outHeaderBytes + byteCount);
  }

  /** An answer whose body is in place already. */
  withBody(request: Buffer, byteCount: number): Buffer {
    return this.#finish(request, 0, byteCount);
  }

  #finish(request: Buffer, error: number, bodyBytes: number): Buffer {
    const buffer = this.#buffer;
    buffer.writeUInt32LE(outHeaderBytes + bodyBytes, 0);
    buffer.writeInt32LE(error, 4);
    request.copy(buffer, uniqueAt, uniqueAt, uniqueAt + uniqueBytes);
    return buffer.subarray(0, outHeaderBytes + bodyBytes);
  }
}

export interface InitAnswer {
  readonly readAheadBytes: number;
  readonly flags: number;
  readonly backgroundMax: number;
  readonly writeBytesMax: number;
  readonly pagesMax: number;
}

/** sizeof(struct fuse_init_out) since 7.23. */
export const initOutBytes = 64;

export function writeInit(body: Buffer, answer: InitAnswer): void {
  body.writeUInt32LE(fuseVersion.major, 0);
  body.writeUInt32LE(fuseVersion.minor, 4);
  body.writeUInt32LE(answer.readAheadBytes, 8);
  body.writeUInt32LE(answer.flags, 12);
  body.writeUInt16LE(answer.backgroundMax, 16);
  // Requests at which the kernel calls the file congested; it must not: a device is never that.
  body.writeUInt16LE(answer.backgroundMax, 18);
  body.writeUInt32LE(answer.writeBytesMax, 20);
  body.writeUInt32LE(1, 24);
  body.writeUInt16LE(answer.pagesMax, 28);
}

/** sizeof(struct fuse_attr_out). */
export const attrOutBytes = 104;

const regularFile = 0o100000;
const ownerOnly = 0o600;
const attributesAt = 16;
/** Nothing changes the attributes: they may be kept for long. */
const validSeconds = 3600;
const ioBlockBytes = 4096;

/** The root is the file itself: an empty file is mounted over by a larger one. */
export function writeAttributes(body: Buffer, byteCount: number): void {
  body.writeUInt32LE(validSeconds, 0);
  writeU64(body, attributesAt, 1);
  writeU64(body, attributesAt + 8, byteCount);
  writeU64(body, attributesAt + 16, Math.ceil(byteCount / 512));
  body.writeUInt32LE(regularFile | ownerOnly, attributesAt + 60);
  body.writeUInt32LE(1, attributesAt + 64);
  body.writeUInt32LE(ioBlockBytes, attributesAt + 80);
}

/** sizeof(struct fuse_open_out). */
export const openOutBytes = 16;

export function writeOpen(body: Buffer, flags: number): void {
  body.writeUInt32LE(flags, 8);
}

/** sizeof(struct fuse_write_out). */
export const writeOutBytes = 8;

export function writeWritten(body: Buffer, byteCount: number): void {
  body.writeUInt32LE(byteCount, 0);
}

/** sizeof(struct fuse_statfs_out). */
export const statfsOutBytes = 80;

export function writeStatfs(body: Buffer, byteCount: number): void {
  writeU64(body, 0, Math.ceil(byteCount / ioBlockBytes));
  body.writeUInt32LE(ioBlockBytes, 40);
  body.writeUInt32LE(255, 44);
  body.writeUInt32LE(ioBlockBytes, 48);
}

/** Exact up to 2^53; larger numbers are larger than any device. */
function u64(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at + 4) * 2 ** 32 + buffer.readUInt32LE(at);
}

function writeU64(buffer: Buffer, at: number, value: number): void {
  buffer.writeUInt32LE(value % 2 ** 32, at);
  buffer.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
}
