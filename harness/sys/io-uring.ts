/**
 * One io_uring, with its queues mapped into typed arrays: filling an SQE and reading a CQE is plain
 * JavaScript, only `submit` enters the kernel. The queue indices are shared with the kernel and go
 * through Atomics: a tail is published after the entries it covers, a head is read before the entries
 * it frees are used again.
 *
 * A ring belongs to the thread that opened it. Requests in flight must be reaped before `close`:
 * closing does not wait for them, and the kernel would write into memory that has been given back.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {
  cqeBytes,
  cqeWords,
  enterFlag,
  feature,
  mapOffset,
  operationCode,
  parameterOffset,
  parametersBytes,
  registerCode,
  resourceRegister,
  resourceUpdate,
  setupFlag,
  sqeBytes,
  sqeWords,
} from './io-uring-layout.ts';
import { describeErrno, errnoName, systemCallError } from './system-call-error.ts';
import { mapFailed, type ArenaAddress } from './memory.ts';
import { HarnessError } from '../contract/index.ts';
import type { Pointer, SystemCalls } from './libc.ts';

/** One request, as an SQE holds it. Which fields count depends on the operation. */
export interface Submission {
  readonly operation: number;
  /** SQE flags: fixed file, link. */
  readonly flags: number;
  /** A file descriptor, or an index of the registered files with `sqeFlag.fixedFile`. */
  readonly file: number;
  readonly byteOffset: number;
  /** Memory of an arena; 0 where the operation takes none. */
  readonly address: ArenaAddress | 0;
  readonly byteCount: number;
  /** Transfer, fsync or fallocate flags. */
  readonly operationFlags: number;
  /** Comes back with the completion. An index, below 2^32. */
  readonly userData: number;
  /** Index of the registered buffer, for the fixed operations; 0 for the others. */
  readonly bufferIndex: number;
}

/** `result` is what the system call would return, or minus the errno. */
export type CompletionVisitor = (userData: number, result: number) => void;

export interface RingSize {
  /** Rounded up by the kernel to a power of two. */
  readonly submissionEntries: number;
  readonly completionEntries: number;
  /** Completions are posted only while the thread waits for some, where the kernel can (Linux 6.1). */
  readonly defersCompletions?: boolean;
}

export interface Mapping {
  readonly pointer: Pointer;
  readonly byteCount: number;
}

export interface OpenedRing {
  readonly fd: number;
  readonly parameters: DataView;
}

const two32 = 2 ** 32;
const protectionReadWrite = 1 | 2;
const mapSharedPopulate = 0x1 | 0x8000;

export class IoUring implements Disposable {
  readonly fd: number;
  readonly submissionEntries: number;
  readonly completionEntries: number;
  /** Whether this kernel knows `sqeFlag.skipSuccess` (Linux 5.17). */
  readonly canSkipSuccess: boolean;

  readonly #calls: SystemCalls;
  readonly #mappings: readonly Mapping[];
  readonly #rings: Uint32Array;
  readonly #results: Int32Array;
  readonly #sqes: Uint32Array;
  readonly #sqHead: number;
  readonly #sqTail: number;
  readonly #sqMask: number;
  readonly #cqHead: number;
  readonly #cqTail: number;
  readonly #cqMask: number;
  readonly #cqesStart: number;
  /** Our own tail: ahead of the shared one by what has been filled and not yet published. */
  #filledTail: number;
  #isClosed = false;

  /** Throws SYSTEM_CALL_FAILED with the cause and what to do about it. */
  static open(calls: SystemCalls, size: RingSize): IoUring {
    const opened = setUp(calls, size);
    try {
      return new IoUring(calls, opened);
    } catch (error) {
      fs.closeSync(opened.fd);
      throw error;
    }
  }

  private constructor(calls: SystemCalls, { fd, parameters }: OpenedRing) {
    const word = (offset: number): number => parameters.getUint32(offset, true);
    if ((word(parameterOffset.features) & feature.singleMmap) === 0) {
      throw new HarnessError(
        'UNAVAILABLE',
        'io_uring of this kernel is too old: Linux 5.5 is needed',
      );
    }
    this.canSkipSuccess = (word(parameterOffset.features) & feature.skipSuccess) !== 0;
    this.fd = fd;
    this.#calls = calls;
    this.submissionEntries = word(parameterOffset.sqEntries);
    this.completionEntries = word(parameterOffset.cqEntries);
    const ringBytes = Math.max(
      word(parameterOffset.sqArray) + this.submissionEntries * 4,
      word(parameterOffset.cqEntriesStart) + this.completionEntries * cqeBytes,
    );
    const rings = mapRing(calls, fd, ringBytes, mapOffset.rings);
    const sqes = mapRing(calls, fd, this.submissionEntries * sqeBytes, mapOffset.sqes);
    this.#mappings = [rings.mapping, sqes.mapping];
    this.#rings = new Uint32Array(rings.buffer);
    this.#results = new Int32Array(rings.buffer);
    this.#sqes = new Uint32Array(sqes.buffer);
    this.#sqHead = word(parameterOffset.sqHead) / 4;
    this.#sqTail = word(parameterOffset.sqTail) / 4;
    this.#sqMask = this.#rings[word(parameterOffset.sqMask) / 4]!;
    this.#cqHead = word(parameterOffset.cqHead) / 4;
    this.#cqTail = word(parameterOffset.cqTail) / 4;
    this.#cqMask = this.#rings[word(parameterOffset.cqMask) / 4]!;
    this.#cqesStart = word(parameterOffset.cqEntriesStart) / 4;
    // The indirection of the SQ array is not used: entry n stays SQE n for good.
    const arrayStart = word(parameterOffset.sqArray) / 4;
    for (let index = 0; index < this.submissionEntries; index++) {
      this.#rings[arrayStart + index] = index;
    }
    this.#filledTail = Atomics.load(this.#rings, this.#sqTail);
  }

  /** Free places of the submission queue. */
  get space(): number {
    return this.submissionEntries - this.unsubmitted;
  }

  /** Requests filled in that the kernel has not taken yet. */
  get unsubmitted(): number {
    assert(!this.#isClosed, 'the ring is closed');
    return (this.#filledTail - Atomics.load(this.#rings, this.#sqHead)) >>> 0;
  }

  /** User data of the request that the kernel will take next; undefined where all are taken. */
  get firstUnsubmitted(): number | undefined {
    if (this.unsubmitted === 0) return undefined;
    const head = Atomics.load(this.#rings, this.#sqHead);
    return this.#sqes[(head & this.#sqMask) * sqeWords + 8];
  }

  /** Fills an SQE. There must be space; the kernel sees it only at the next `submit`. */
  push(submission: Submission): void {
    assert(this.space > 0, 'the submission queue is full');
    const sqes = this.#sqes;
    const start = (this.#filledTail & this.#sqMask) * sqeWords;
    sqes[start] = submission.operation | (submission.flags << 8);
    sqes[start + 1] = submission.file;
    sqes[start + 2] = submission.byteOffset;
    sqes[start + 3] = submission.byteOffset / two32;
    sqes[start + 4] = submission.address;
    sqes[start + 5] = submission.address / two32;
    sqes[start + 6] = submission.byteCount;
    sqes[start + 7] = submission.operationFlags;
    sqes[start + 8] = submission.userData;
    sqes[start + 9] = 0;
    sqes[start + 10] = submission.bufferIndex;
    sqes.fill(0, start + 11, start + sqeWords);
    this.#filledTail = (this.#filledTail + 1) >>> 0;
  }

  /** Like `push`, for IORING_OP_FALLOCATE, whose byte count travels in the address field. */
  pushFallocate(submission: Omit<Submission, 'address' | 'operation' | 'bufferIndex'>): void {
    const start = (this.#filledTail & this.#sqMask) * sqeWords;
    const { byteCount, operationFlags: mode } = submission;
    const operation = operationCode.fallocate;
    this.push({ ...submission, operation, address: 0, bufferIndex: 0 });
    this.#sqes[start + 4] = byteCount;
    this.#sqes[start + 5] = byteCount / two32;
    this.#sqes[start + 6] = mode;
    this.#sqes[start + 7] = 0;
  }

  /**
   * Hands everything filled in to the kernel and returns how many it took. Fewer than there were
   * means that the kernel is short of something for the moment: reap, then try again.
   *
   * @param completeMin blocks the thread until that many completions are there; 0 does not block
   */
  submit(completeMin = 0): number {
    assert(!this.#isClosed, 'the ring is closed');
    if (completeMin === 0 && this.unsubmitted === 0) return 0;
    Atomics.store(this.#rings, this.#sqTail, this.#filledTail);
    let taken = 0;
    for (;;) {
      const result = this.#calls.ioUringEnter(
        this.fd,
        this.unsubmitted,
        completeMin,
        completeMin > 0 ? enterFlag.getEvents : 0,
      );
      if (result >= 0) {
        taken += result;
        if (result === 0 || this.unsubmitted === 0) return taken;
        continue;
      }
      const errno = this.#calls.errno();
      const name = errnoName(errno);
      if (name === 'EINTR') continue;
      if (name === 'EAGAIN' || name === 'EBUSY') return taken;
      throw systemCallError('io_uring_enter', errno);
    }
  }

  /** Takes back what the kernel has not taken, after `submit` threw; returns the user data. */
  withdraw(): readonly number[] {
    assert(!this.#isClosed, 'the ring is closed');
    const withdrawn: number[] = [];
    const head = Atomics.load(this.#rings, this.#sqHead);
    for (let index = head; index !== this.#filledTail; index = (index + 1) >>> 0) {
      withdrawn.push(this.#sqes[(index & this.#sqMask) * sqeWords + 8]!);
    }
    this.#filledTail = head;
    Atomics.store(this.#rings, this.#sqTail, head);
    return withdrawn;
  }

  /** Visits the completions that are there now and frees their places. Never enters the kernel. */
  reap(visit: CompletionVisitor): number {
    assert(!this.#isClosed, 'the ring is closed');
    const rings = this.#rings;
    const first = rings[this.#cqHead]!;
    const tail = Atomics.load(rings, this.#cqTail);
    for (let head = first; head !== tail; head = (head + 1) >>> 0) {
      const start = this.#cqesStart + (head & this.#cqMask) * cqeWords;
      const userData = rings[start]!;
      const result = this.#results[start + 2]!;
      // The place is given back first: a visitor that throws must not be shown the entry again.
      Atomics.store(rings, this.#cqHead, (head + 1) >>> 0);
      visit(userData, result);
    }
    return (tail - first) >>> 0;
  }

  /** Makes a table of registered buffers, all of them empty. Needs Linux 5.19. */
  reserveBuffers(count: number): void {
    const table = new Uint32Array(resourceRegister.byteCount / 4);
    table[resourceRegister.entriesWord] = count;
    table[resourceRegister.flagsWord] = resourceRegister.sparse;
    this.#register('buffer table', registerCode.bufferTable, table, resourceRegister.byteCount);
  }

  /**
   * Makes memory known to the kernel as the buffer of that index, so that it need not pin pages for
   * every transfer. `words` is device memory at `wordsAddress`, 16 bytes, to say so in.
   */
  registerBuffer(
    index: number,
    region: { readonly address: ArenaAddress; readonly byteCount: number },
    words: Uint32Array,
    wordsAddress: ArenaAddress,
  ): void {
    const { address, byteCount } = region;
    words.set([address, address / two32, byteCount, byteCount / two32]);
    const update = new Uint32Array(resourceUpdate.byteCount / 4);
    update[resourceUpdate.offsetWord] = index;
    update[resourceUpdate.dataWord] = wordsAddress;
    update[resourceUpdate.dataWord + 1] = wordsAddress / two32;
    update[resourceUpdate.entriesWord] = 1;
    this.#register('buffer', registerCode.bufferUpdate, update, resourceUpdate.byteCount);
  }

  /** Unpins them now; closing the ring would do it at some time after. */
  unregisterBuffers(): void {
    this.#register('no buffers', registerCode.unregisterBuffers, null, 0);
  }

  registerFiles(fds: readonly number[]): void {
    this.#register('files', registerCode.files, Int32Array.from(fds), fds.length);
  }

  /** Every completion from now on also counts up the eventfd. Register before the first submit. */
  registerEventfd(fd: number): void {
    this.#register('eventfd', registerCode.eventfd, Int32Array.of(fd), 1);
  }

  #register(
    what: string,
    operation: number,
    argument: ArrayBufferView | null,
    argumentCount: number,
  ): void {
    const result = this.#calls.ioUringRegister(this.fd, operation, argument, argumentCount);
    if (result < 0) {
      const errno = this.#calls.errno();
      const advice =
        errnoName(errno) === 'ENOMEM' ? 'raise the memlock limit (ulimit -l)' : undefined;
      throw systemCallError(`io_uring_register (${what})`, errno, advice);
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { pointer, byteCount } of this.#mappings) this.#calls.munmap(pointer, byteCount);
    fs.closeSync(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Newer kernels are asked for fewer interrupts; older ones answer EINVAL and get a plain ring. */
const flagChoices: readonly number[] = [
  setupFlag.coopTaskrun | setupFlag.singleIssuer | setupFlag.submitAll,
  0,
];
const deferringChoices = [flagChoices[0]! | setupFlag.deferTaskrun, ...flagChoices];

/** The ring's descriptor and what the kernel answered. Throws SYSTEM_CALL_FAILED with advice. */
export function setUp(calls: SystemCalls, size: RingSize): OpenedRing {
  let errno = 0;
  for (const flags of size.defersCompletions === true ? deferringChoices : flagChoices) {
    const bytes = new Uint8Array(parametersBytes);
    const parameters = new DataView(bytes.buffer);
    parameters.setUint32(parameterOffset.flags, flags | setupFlag.cqSize | setupFlag.clamp, true);
    parameters.setUint32(parameterOffset.cqEntries, size.completionEntries, true);
    const fd = calls.ioUringSetup(size.submissionEntries, bytes);
    if (fd >= 0) return { fd, parameters };
    errno = calls.errno();
    if (errnoName(errno) !== 'EINVAL') break;
  }
  throw new HarnessError(
    'SYSTEM_CALL_FAILED',
    `io_uring_setup failed: ${describeErrno(errno)}: ${setupAdvice(errnoName(errno))}`,
  );
}

/** Why a ring could not be set up, and the way out. */
export function setupAdvice(name: string): string {
  switch (name) {
    case 'ENOSYS':
      return 'this kernel has no io_uring (Linux 5.6 or newer is needed)';
    case 'EPERM':
      return ioUringForbiddenAdvice();
    case 'ENOMEM':
      return 'raise the memlock limit (ulimit -l) or free memory';
    case 'EMFILE':
    case 'ENFILE':
      return 'raise the limit of open files (ulimit -n)';
    default:
      return 'run `powercut doctor` to see what this machine allows';
  }
}

function ioUringForbiddenAdvice(): string {
  const setting = readSetting('/proc/sys/kernel/io_uring_disabled');
  if (setting !== undefined && setting !== '0') {
    return `kernel.io_uring_disabled is ${setting}; run \`sysctl -w kernel.io_uring_disabled=0\``;
  }
  return (
    'a seccomp filter forbids it (Docker does by default); ' +
    'run the container with --security-opt seccomp=docker/seccomp-uring.json'
  );
}

function readSetting(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8').trim();
  } catch {
    // Kernels before 6.6 have no such setting.
    return undefined;
  }
}

/** Maps a part of the ring; `byteOffset` says which (`mapOffset`). */
export function mapRing(
  calls: SystemCalls,
  fd: number,
  byteCount: number,
  byteOffset: number,
): { mapping: Mapping; buffer: ArrayBuffer } {
  const pointer = calls.mmap(
    null,
    byteCount,
    protectionReadWrite,
    mapSharedPopulate,
    fd,
    byteOffset,
  );
  if (pointer === mapFailed) throw systemCallError('mmap of an io_uring', calls.errno());
  return { mapping: { pointer, byteCount }, buffer: calls.view(pointer, byteCount) };
}
