import type { Buffer } from 'node:buffer';
import type { DeviceErrorCode, Nanoseconds } from '../../contract/index.ts';
import {
  ReplyBuffer,
  allocateMode,
  attrOutBytes,
  errno,
  initFlag,
  initOutBytes,
  opcode,
  opcodeOf,
  openFlag,
  openOutBytes,
  payloadOf,
  readFallocate,
  readInit,
  readTransfer,
  requestBytes,
  statfsOutBytes,
  writeAttributes,
  writeInit,
  writeOpen,
  writeOutBytes,
  writeStatfs,
  writeWritten,
} from './fuse-protocol.ts';
import type { PendingRequest } from './pending-request.ts';
import type { RecordingStore } from './recording-store.ts';

/** A request that was read from the kernel and is to be answered. */
export interface PendingReply {
  readonly stallNs: Nanoseconds;
  /** Finishes the request. The answer holds until the next one is asked for. */
  finish(): Buffer;
}

export interface FuseSessionOptions {
  /** Takes FALLOCATE; without it the block layer writes zeros where it wants zeros. */
  readonly discards: boolean;
}

/** Most bytes of one read or write: 256 pages, the kernel's limit unless it was raised. */
const transferBytesMax = 1024 * 1024;
const pageBytes = 4096;
/** How many reads and writes the kernel has in flight here at a time. */
const backgroundMax = 128;

/** Bytes that must be free where the next request is read to. */
export const requestBytesMax = requestBytes(transferBytesMax);

/**
 * Serves the store as one file to the kernel's FUSE driver, without I/O of its own. The file is opened
 * FOPEN_DIRECT_IO, so that no page cache of the file lies between the loop device and the store, and
 * reads and writes are asynchronous: those that the loop device has in flight come one after the other
 * without an answer between them.
 *
 * fsync(2) and fdatasync(2) are a flush of the drive. FALLOCATE is what the loop driver makes both of a
 * discard and of a write of zeros; they cannot be told apart, so the range is written with zeros, which
 * is right for either. A drive that keeps what was discarded is not modelled here.
 */
export class FuseSession {
  readonly #store: RecordingStore;
  readonly #discards: boolean;
  readonly #reply = new ReplyBuffer(transferBytesMax);

  constructor(store: RecordingStore, { discards }: FuseSessionOptions) {
    this.#store = store;
    this.#discards = discards;
  }

  /** The request must not change before it is finished, a write never. Undefined: no answer is due. */
  receive(request: Buffer): PendingReply | undefined {
    switch (opcodeOf(request)) {
      case opcode.read:
        return this.#read(request);
      case opcode.write:
        return this.#write(request);
      case opcode.fsync:
        return this.#answer(request, this.#store.flush(), () => this.#reply.empty(request));
      case opcode.fallocate:
        return this.#fallocate(request);
      case opcode.forget:
      case opcode.batchForget:
      case opcode.interrupt:
        return undefined;
      default:
        return { stallNs: 0, finish: () => this.#administer(request) };
    }
  }

  #read(request: Buffer): PendingReply {
    const { byteOffset, byteCount } = readTransfer(request);
    // Read into the answer's own memory, which is free when the request is finished.
    const target = this.#reply.body(byteCount);
    const pending = this.#store.read(byteOffset, target);
    return this.#answer(request, pending, () => this.#reply.withBody(request, byteCount));
  }

  #write(request: Buffer): PendingReply {
    const { byteOffset, byteCount } = readTransfer(request);
    const pending = this.#store.write(byteOffset, payloadOf(request), false);
    return this.#answer(request, pending, () =>
      this.#reply.filled(request, writeOutBytes, (body) => {
        writeWritten(body, byteCount);
      }),
    );
  }

  #fallocate(request: Buffer): PendingReply {
    const { byteOffset, byteCount, mode } = readFallocate(request);
    const { keepSize, punchHole, zeroRange } = allocateMode;
    const what = mode & ~keepSize;
    if (!this.#discards || (what !== punchHole && what !== zeroRange)) {
      return { stallNs: 0, finish: () => this.#reply.error(request, errno.EOPNOTSUPP) };
    }
    const pending = this.#store.writeZeros(byteOffset, byteCount, false);
    return this.#answer(request, pending, () => this.#reply.empty(request));
  }

  #answer(request: Buffer, pending: PendingRequest, whenDone: () => Buffer): PendingReply {
    return {
      stallNs: pending.stallNs,
      finish: () => {
        const answer = pending.finish();
        return answer === 'ok' ? whenDone() : this.#reply.error(request, numberOf(answer));
      },
    };
  }

  #administer(request: Buffer): Buffer {
    const reply = this.#reply;
    const { byteCount } = this.#store;
    switch (opcodeOf(request)) {
      case opcode.init:
        return this.#init(request);
      case opcode.getattr:
      case opcode.setattr:
        return reply.filled(request, attrOutBytes, (body) => {
          writeAttributes(body, byteCount);
        });
      case opcode.open:
        return reply.filled(request, openOutBytes, (body) => {
          writeOpen(body, openFlag.directIo | openFlag.noFlush | openFlag.parallelDirectWrites);
        });
      case opcode.statfs:
        return reply.filled(request, statfsOutBytes, (body) => {
          writeStatfs(body, byteCount);
        });
      case opcode.release:
      case opcode.flush:
      case opcode.destroy:
        return reply.empty(request);
      default:
        // The kernel remembers it, and does without.
        return reply.error(request, errno.ENOSYS);
    }
  }

  #init(request: Buffer): Buffer {
    const { readAheadBytes, flags } = readInit(request);
    const { asyncRead, bigWrites, asyncDirectIo, maxPages } = initFlag;
    return this.#reply.filled(request, initOutBytes, (body) => {
      writeInit(body, {
        readAheadBytes,
        flags: flags & (asyncRead | bigWrites | asyncDirectIo | maxPages),
        backgroundMax,
        writeBytesMax: transferBytesMax,
        pagesMax: transferBytesMax / pageBytes,
      });
    });
  }
}

function numberOf(code: DeviceErrorCode): number {
  return errno[code];
}
