/**
 * The system calls of a measured loop, bound so that each costs as little as it can: memory is named
 * by its address in an arena, as a number, and no argument has to be looked at or converted.
 *
 * Every function returns what the system call returns, and `errno()` says why it failed, provided that
 * nothing else was called in between.
 */
import type { KoffiFunc } from 'koffi';
import type { ArenaAddress } from './memory.ts';

export interface TransferCalls {
  errno(): number;
  pread(fd: number, address: ArenaAddress, byteCount: number, byteOffset: number): number;
  pwrite(fd: number, address: ArenaAddress, byteCount: number, byteOffset: number): number;
  fsync(fd: number): number;
  fdatasync(fd: number): number;
  /** io_uring_enter without an argument. */
  enter(ringFd: number, submitCount: number, completeMin: number, flags: number): number;
  /** With a struct io_uring_getevents_arg; the flags say so (IORING_ENTER_EXT_ARG). */
  enterWith(
    ringFd: number,
    submitCount: number,
    completeMin: number,
    flags: number,
    argument: ArenaAddress,
    argumentBytes: number,
  ): number;
  /** Answers an errno, and not -1. */
  posixFadvise(fd: number, byteOffset: number, byteCount: number, advice: number): number;
  /** Fills a struct rusage. */
  getrusage(who: number, target: Uint8Array): number;
}

/** The same on every architecture that Node runs on. */
const ioUringEnterNumber = 426;

let loading: Promise<TransferCalls> | undefined;

/** Once per thread. Throws where koffi does not load: `loadSystemCalls` has said so before. */
export function loadTransferCalls(): Promise<TransferCalls> {
  return (loading ??= bind());
}

async function bind(): Promise<TransferCalls> {
  const { default: koffi } = await import('koffi');
  const library = koffi.load(null);
  // The first is called for every operation: each argument costs time, and a long one more.
  const enter = library.func('syscall', 'int', [
    'long',
    'int',
    'int',
    'int',
    'int',
    'long',
  ]) as KoffiFunc<(call: number, ...rest: [...Parameters<TransferCalls['enter']>, 0]) => number>;
  const enterWith = library.func('syscall', 'int', [
    'long',
    'int',
    'int',
    'int',
    'int',
    'uint64_t',
    'size_t',
  ]) as KoffiFunc<(call: number, ...rest: Parameters<TransferCalls['enterWith']>) => number>;
  const transfer = ['int', 'uint64_t', 'size_t', 'int64_t'];
  return {
    errno: () => koffi.errno(),
    pread: library.func('pread', 'long', transfer) as TransferCalls['pread'],
    pwrite: library.func('pwrite', 'long', transfer) as TransferCalls['pwrite'],
    fsync: library.func('fsync', 'int', ['int']) as TransferCalls['fsync'],
    fdatasync: library.func('fdatasync', 'int', ['int']) as TransferCalls['fdatasync'],
    enter: (ringFd, submitCount, completeMin, flags) =>
      enter(ioUringEnterNumber, ringFd, submitCount, completeMin, flags, 0),
    enterWith: (ringFd, submitCount, completeMin, flags, argument, argumentBytes) =>
      enterWith(
        ioUringEnterNumber,
        ringFd,
        submitCount,
        completeMin,
        flags,
        argument,
        argumentBytes,
      ),
    posixFadvise: library.func('posix_fadvise', 'int', [
      'int',
      'int64_t',
      'int64_t',
      'int',
    ]) as TransferCalls['posixFadvise'],
    getrusage: library.func('getrusage', 'int', ['int', 'void *']) as TransferCalls['getrusage'],
  };
}
