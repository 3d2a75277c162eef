import { isMainThread } from 'node:worker_threads';
import type koffi from 'koffi';
import type { KoffiFunc, LibraryHandle } from 'koffi';

/** An address as koffi hands it out; 2^64 - 1 is how mmap says it failed. */
export type Pointer = bigint;

/**
 * The C library as far as the harness needs it. Every function returns what the system call returns;
 * after -1, `errno()` says why, provided nothing else was called in between.
 */
export interface SystemCalls {
  errno(): number;
  /** The memory at `pointer` as an ArrayBuffer that does not own it. One view per mapping. */
  view(pointer: Pointer, byteCount: number): ArrayBuffer;
  mmap(
    address: Pointer | null,
    byteCount: number,
    protection: number,
    flags: number,
    fd: number,
    byteOffset: number,
  ): Pointer;
  munmap(address: Pointer, byteCount: number): number;
  madvise(address: Pointer, byteCount: number, advice: number): number;
  ioUringSetup(entries: number, parameters: Uint8Array): number;
  ioUringEnter(fd: number, submitCount: number, completeMin: number, flags: number): number;
  ioUringRegister(
    fd: number,
    operation: number,
    argument: ArrayBufferView | null,
    argumentCount: number,
  ): number;
  eventfd(initialValue: number, flags: number): number;
  /** Without a signal mask. `timeout` is a struct timespec: seconds, nanoseconds. */
  ppoll(descriptors: Int32Array, descriptorCount: number, timeout: BigInt64Array): number;
  /** What libuv polls in the event loop of the main thread; undefined on any other thread. */
  eventLoopFd(): number | undefined;
  ioctl(fd: number, request: number, argument: Uint8Array | null): number;
  /** Without throwing where there is nothing to read yet, as `fs.readSync` does at great cost. */
  read(fd: number, target: Uint8Array, byteCount: number): number;
  write(fd: number, source: Uint8Array, byteCount: number): number;
  flock(fd: number, operation: number): number;
  /** 0 is the calling thread; bit n of the mask stands for processor n. */
  schedSetaffinity(thread: number, byteCount: number, mask: Uint8Array): number;
  /** A file in memory, which ends with its descriptor; the name is only shown. */
  memfdCreate(name: string, flags: number): number;
  fallocate(fd: number, mode: number, byteOffset: number, byteCount: number): number;
  syncFileRange(fd: number, byteOffset: number, byteCount: number, flags: number): number;
  syncfs(fd: number): number;
  /** Of a whole file or device, into five u64; -1 with ENOSYS before Linux 6.5. */
  cachestat(fd: number, statistics: Uint8Array): number;
  /** Of every process, on one processor; the answer is a descriptor. */
  perfEventOpen(attributes: Uint8Array, cpu: number): number;
  /** On another thread: mounting replays a journal, and the event loop must not wait for it. */
  mount: OnAnotherThread<
    (
      source: string,
      target: string,
      fileSystem: string,
      flags: number,
      options: string | null,
    ) => number
  >;
  /** On another thread: unmounting writes back. */
  umount2: OnAnotherThread<(target: string, flags: number) => number>;
}

/** `errno()` is right within `done`. */
type OnAnotherThread<F extends (...args: never[]) => number> = (
  ...args: [...Parameters<F>, done: (error: unknown, result: number) => void]
) => void;

export type SystemCallsAnswer =
  | { readonly available: true; readonly calls: SystemCalls }
  | { readonly available: false; readonly reason: string };

let loading: Promise<SystemCallsAnswer> | undefined;

/**
 * Loads koffi and binds the C library, once per thread. Answers why it could not instead of throwing,
 * so that whoever only simulates never notices.
 */
export function loadSystemCalls(): Promise<SystemCallsAnswer> {
  return (loading ??= tryToLoad());
}

async function tryToLoad(): Promise<SystemCallsAnswer> {
  if (process.platform !== 'linux') {
    return { available: false, reason: `system calls need Linux, this is ${process.platform}` };
  }
  try {
    const loaded = await import('koffi');
    return { available: true, calls: bind(loaded.default) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { available: false, reason: `koffi does not load: ${reason.split('\n')[0] ?? ''}` };
  }
}

type Koffi = typeof koffi;

/** The numbers of the io_uring calls are the same on every architecture that Node runs on. */
const ioUringSetupNumber = 425;
const ioUringEnterNumber = 426;
const ioUringRegisterNumber = 427;
/** perf_event_open(2) is older, and its number is not. */
const perfEventOpenNumber = process.arch === 'arm64' ? 241 : 298;
const perfCloseOnExec = 8;
const cachestatNumber = 451;
/** Offset and length of 0 mean all of it. */
const wholeFile = new Uint8Array(16);

function bind(koffi: Koffi): SystemCalls {
  // The process itself has a C library loaded, whichever it is (glibc or musl).
  const library = koffi.load(null);
  // syscall(2) is variadic in C, but takes its arguments in the same registers as a plain function
  // on x86-64 and on AArch64 Linux; koffi calls plain functions faster.
  const setup = library.func('syscall', 'long', ['long', 'uint32_t', 'void *']) as KoffiFunc<
    (call: number, entries: number, parameters: Uint8Array) => number
  >;
  const enter = library.func('syscall', 'long', [
    'long',
    'int',
    'uint32_t',
    'uint32_t',
    'uint32_t',
    'void *',
    'size_t',
  ]) as KoffiFunc<
    (
      call: number,
      fd: number,
      submitCount: number,
      completeMin: number,
      flags: number,
      signalMask: null,
      signalMaskBytes: number,
    ) => number
  >;
  const register = library.func('syscall', 'long', [
    'long',
    'int',
    'uint32_t',
    'void *',
    'uint32_t',
  ]) as KoffiFunc<
    (
      call: number,
      fd: number,
      operation: number,
      argument: ArrayBufferView | null,
      count: number,
    ) => number
  >;
  const perfEventOpen = library.func('syscall', 'long', [
    'long',
    'void *',
    'int',
    'int',
    'int',
    'unsigned long',
  ]) as KoffiFunc<
    (
      call: number,
      attributes: Uint8Array,
      pid: number,
      cpu: number,
      groupFd: number,
      flags: number,
    ) => number
  >;
  const cachestat = library.func('syscall', 'long', [
    'long',
    'int',
    'void *',
    'void *',
    'uint32_t',
  ]) as KoffiFunc<
    (call: number, fd: number, range: Uint8Array, statistics: Uint8Array, flags: number) => number
  >;
  const ppoll = library.func('ppoll', 'int', [
    'void *',
    'unsigned long',
    'void *',
    'void *',
  ]) as KoffiFunc<
    (
      descriptors: Int32Array,
      descriptorCount: number,
      timeout: BigInt64Array,
      signalMask: null,
    ) => number
  >;
  const eventLoopFd = findEventLoopFd(library);
  return {
    errno: () => koffi.errno(),
    view: (pointer, byteCount) => koffi.view(pointer, byteCount),
    mmap: library.func('mmap', 'void *', [
      'void *',
      'size_t',
      'int',
      'int',
      'int',
      'int64_t',
    ]) as SystemCalls['mmap'],
    munmap: library.func('munmap', 'int', ['void *', 'size_t']) as SystemCalls['munmap'],
    madvise: library.func('madvise', 'int', ['void *', 'size_t', 'int']) as SystemCalls['madvise'],
    ioUringSetup: (entries, parameters) => setup(ioUringSetupNumber, entries, parameters),
    ioUringEnter: (fd, submitCount, completeMin, flags) =>
      enter(ioUringEnterNumber, fd, submitCount, completeMin, flags, null, 0),
    ioUringRegister: (fd, operation, argument, argumentCount) =>
      register(ioUringRegisterNumber, fd, operation, argument, argumentCount),
    ppoll: (descriptors, descriptorCount, timeout) =>
      ppoll(descriptors, descriptorCount, timeout, null),
    eventLoopFd: () => eventLoopFd,
    eventfd: library.func('eventfd', 'int', ['uint32_t', 'int']) as SystemCalls['eventfd'],
    ioctl: library.func('ioctl', 'int', ['int', 'unsigned long', 'void *']) as SystemCalls['ioctl'],
    read: library.func('read', 'long', ['int', 'void *', 'size_t']) as SystemCalls['read'],
    write: library.func('write', 'long', ['int', 'void *', 'size_t']) as SystemCalls['write'],
    flock: library.func('flock', 'int', ['int', 'int']) as SystemCalls['flock'],
    schedSetaffinity: library.func('sched_setaffinity', 'int', [
      'int',
      'size_t',
      'void *',
    ]) as SystemCalls['schedSetaffinity'],
    memfdCreate: library.func('memfd_create', 'int', [
      'str',
      'uint32_t',
    ]) as SystemCalls['memfdCreate'],
    fallocate: library.func('fallocate', 'int', [
      'int',
      'int',
      'int64_t',
      'int64_t',
    ]) as SystemCalls['fallocate'],
    syncFileRange: library.func('sync_file_range', 'int', [
      'int',
      'int64_t',
      'int64_t',
      'uint32_t',
    ]) as SystemCalls['syncFileRange'],
    syncfs: library.func('syncfs', 'int', ['int']) as SystemCalls['syncfs'],
    cachestat: (fd, statistics) => cachestat(cachestatNumber, fd, wholeFile, statistics, 0),
    perfEventOpen: (attributes, cpu) =>
      perfEventOpen(perfEventOpenNumber, attributes, -1, cpu, -1, perfCloseOnExec),
    mount: library.func('mount', 'int', ['str', 'str', 'str', 'unsigned long', 'str'])
      .async as SystemCalls['mount'],
    umount2: library.func('umount2', 'int', ['str', 'int']).async as SystemCalls['umount2'],
  };
}

/**
 * libuv's default loop is the one of the main thread; a Node that was built without exporting it has
 * no descriptor to offer.
 */
function findEventLoopFd(library: LibraryHandle): number | undefined {
  if (!isMainThread) return undefined;
  try {
    const loop = library.func('uv_default_loop', 'void *', []) as KoffiFunc<() => Pointer>;
    const backendFd = library.func('uv_backend_fd', 'int', ['void *']) as KoffiFunc<
      (loop: Pointer) => number
    >;
    return backendFd(loop());
  } catch {
    return undefined;
  }
}
