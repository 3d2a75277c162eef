/**
 * The measured loop over plain system calls, one operation at a time: pread, pwrite, fsync, fdatasync.
 * `null` makes the loop without the calls, to show what the loop itself costs.
 */
import { constants } from 'node:os';
import { performance } from 'node:perf_hooks';
import { discardRange } from '../../sys/ioctl.ts';
import { punchRange } from '../../sys/file-calls.ts';
import type { SystemCalls } from '../../sys/libc.ts';
import { Arena, type ArenaAddress } from '../../sys/memory.ts';
import type { TransferCalls } from '../../sys/transfer-calls.ts';
import { opKind } from '../plan/op-chunk.ts';
import { hasFatalFault, type BlockingDriver, type LoadTask } from './load-task.ts';

const { EIO, EAGAIN, EINTR, EOPNOTSUPP } = constants.errno;

interface CallSystem {
  readonly calls: SystemCalls;
  readonly transfers: TransferCalls;
  readonly fds: readonly number[];
  /** Of each file: trims go through another call there. */
  readonly isBlockDevice: readonly boolean[];
  readonly isNull: boolean;
}

export class CallDriver implements BlockingDriver {
  readonly isSplit = false;
  readonly registersBuffers = false;
  readonly buffers: readonly Uint8Array[];
  readonly #system: CallSystem;
  readonly #arena: Arena;
  readonly #buffer: Uint8Array;
  readonly #address: ArenaAddress;
  #nowMs = 0;

  constructor(system: CallSystem, bufferBytes: number) {
    this.#system = system;
    this.#arena = new Arena(system.calls);
    this.#buffer = this.#arena.allocate(bufferBytes);
    this.#address = this.#arena.addressOf(this.#buffer)!;
    this.buffers = [this.#buffer];
  }

  run(task: LoadTask): void {
    const { feed, window, pacer } = task;
    const sleepUntil = (wakeMs: number): void => {
      window.sleepUntil(wakeMs);
    };
    this.#nowMs = performance.now();
    while (!window.isOver(this.#nowMs) && !hasFatalFault(task) && feed.load()) {
      if (pacer.mustPause) {
        pacer.pause(this.#nowMs, sleepUntil);
        this.#nowMs = performance.now();
        continue;
      }
      const dueMs = pacer.dueMs(feed.dueNs);
      if (dueMs > this.#nowMs) {
        window.sleepUntil(dueMs);
        this.#nowMs = performance.now();
        if (dueMs > this.#nowMs) continue;
      }
      this.#perform(task, pacer.isOpenLoop ? dueMs : NaN);
    }
  }

  syncFile(fileIndex: number): number {
    const { transfers, fds, isNull } = this.#system;
    if (isNull) return 0;
    return transfers.fsync(fds[fileIndex]!) === 0 ? 0 : transfers.errno();
  }

  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }

  #perform(task: LoadTask, dueMs: number): void {
    const { feed, meter, contents } = task;
    const { chunk, at, writeNumber } = feed;
    const kind = chunk.kinds[at]!;
    const file = chunk.fileIndexes[at]!;
    const byteOffset = chunk.byteOffsets[at]!;
    const byteCount = chunk.byteCounts[at]!;
    if (kind === opKind.write && contents.isPreparedPerWrite) {
      contents.prepare(this.#bytes(byteCount), byteOffset, writeNumber);
      if (contents.isCostly) this.#nowMs = performance.now();
    }
    const mark = kind >= opKind.fsync ? meter.markSync(file) : 0;
    const startMs = this.#nowMs;
    feed.consume();
    task.pacer.issued();
    meter.issuedAtDepth(1);
    const errno = this.#system.isNull ? 0 : this.#call(kind, file, byteOffset, byteCount);
    this.#nowMs = performance.now();
    meter.submittedTogether(1);
    meter.completedTogether(1);
    if (errno !== 0) {
      meter.failed(kind, file, byteOffset, byteCount, errno);
    } else if (kind >= opKind.fsync) {
      meter.synced(file, mark, startMs, this.#nowMs);
    } else {
      meter.transferred(kind, file, byteCount, startMs, startMs, this.#nowMs, dueMs);
      if (kind === opKind.read && task.faults !== undefined) {
        this.#check(task, file, byteOffset, byteCount, writeNumber);
      }
    }
  }

  #bytes(byteCount: number): Uint8Array {
    return byteCount === this.#buffer.length ? this.#buffer : this.#buffer.subarray(0, byteCount);
  }

  /** 0, or the errno. */
  #call(kind: number, file: number, byteOffset: number, byteCount: number): number {
    const { transfers, fds } = this.#system;
    const fd = fds[file]!;
    switch (kind) {
      case opKind.read:
      case opKind.write:
        return this.#transfer(kind === opKind.write, fd, byteOffset, byteCount);
      case opKind.trim:
        return this.#trim(file, byteOffset, byteCount);
      case opKind.fsync:
        return transfers.fsync(fd) === 0 ? 0 : transfers.errno();
      default:
        return transfers.fdatasync(fd) === 0 ? 0 : transfers.errno();
    }
  }

  /** A short transfer is gone on with; one of nothing at all would never end. */
  #transfer(isWrite: boolean, fd: number, byteOffset: number, byteCount: number): number {
    const { transfers } = this.#system;
    if (byteCount > this.#buffer.length) throw new RangeError(`${byteCount} bytes are too many`);
    for (let done = 0; done < byteCount;) {
      const address = (this.#address + done) as ArenaAddress;
      const left = byteCount - done;
      const result = isWrite
        ? transfers.pwrite(fd, address, left, byteOffset + done)
        : transfers.pread(fd, address, left, byteOffset + done);
      if (result > 0) done += result;
      else if (result === 0) return EIO;
      else {
        const errno = transfers.errno();
        if (errno !== EAGAIN && errno !== EINTR) return errno;
      }
    }
    return 0;
  }

  #trim(file: number, byteOffset: number, byteCount: number): number {
    const { calls, fds, isBlockDevice } = this.#system;
    const fd = fds[file]!;
    if (isBlockDevice[file] === true) {
      try {
        discardRange(calls, fd, byteOffset, byteCount);
        return 0;
      } catch {
        // The call says why in words only; a device that does not discard is the usual reason.
        return EOPNOTSUPP;
      }
    }
    const failure = punchRange(calls, fd, { byteOffset, byteCount });
    return failure === undefined ? 0 : errnoNumber(failure);
  }

  #check(
    { contents, faults, knowsWrites }: LoadTask,
    file: number,
    byteOffset: number,
    byteCount: number,
    writeNumber: number,
  ): void {
    const bytes = this.#bytes(byteCount);
    const fault = knowsWrites
      ? contents.check(bytes, byteOffset, writeNumber)
      : contents.checkAnyWrite(bytes, byteOffset);
    faults!.checked(byteCount, file, fault);
  }
}

function errnoNumber(name: string): number {
  return new Map(Object.entries(constants.errno)).get(name) ?? EIO;
}
