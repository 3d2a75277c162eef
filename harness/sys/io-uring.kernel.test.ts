import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CompletionBell } from './completion-bell.ts';
import { fsyncFlag, operationCode, sqeFlag, transferFlag } from './io-uring-layout.ts';
import { IoUring, setupAdvice, type Submission } from './io-uring.ts';
import { loadSystemCalls, type SystemCalls } from './libc.ts';
import { Arena } from './memory.ts';

let calls: SystemCalls;
let ring: IoUring;
let arena: Arena;
let folder = '';
let fd = -1;

beforeEach(async () => {
  const answer = await loadSystemCalls();
  if (!answer.available) throw new Error(answer.reason);
  calls = answer.calls;
  ring = IoUring.open(calls, { submissionEntries: 8, completionEntries: 16 });
  arena = new Arena(calls);
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-ring-'));
  const file = path.join(folder, 'file');
  fs.writeFileSync(file, Buffer.alloc(65_536));
  fd = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_DIRECT);
});

afterEach(() => {
  ring.close();
  arena[Symbol.dispose]();
  fs.closeSync(fd);
  fs.rmSync(folder, { recursive: true, force: true });
});

function submission(fields: Partial<Submission>): Submission {
  return {
    operation: operationCode.nop,
    flags: 0,
    file: fd,
    byteOffset: 0,
    address: 0,
    byteCount: 0,
    operationFlags: 0,
    userData: 0,
    bufferIndex: 0,
    ...fields,
  };
}

/** Submits and waits for `count` completions: [user data, result] in the order of completion. */
function answers(count: number): [number, number][] {
  const seen: [number, number][] = [];
  ring.submit(count);
  while (seen.length < count) {
    ring.reap((userData, result) => seen.push([userData, result]));
    if (seen.length < count) ring.submit(1);
  }
  return seen;
}

test('user data comes back with each completion', () => {
  for (const userData of [0, 7, 2 ** 32 - 1]) ring.push(submission({ userData }));
  expect(answers(3).map(([userData]) => userData)).toEqual([0, 7, 2 ** 32 - 1]);
});

test('the queues wrap around many times', () => {
  let sum = 0;
  for (let round = 0; round < 1000; round++) {
    for (let index = 0; index < 5; index++) ring.push(submission({ userData: index }));
    for (const [userData] of answers(5)) sum += userData;
  }
  expect(sum).toBe(1000 * 10);
});

test('a full submission queue is said to be full, and has space again after submit', () => {
  for (let index = 0; index < 8; index++) ring.push(submission({}));
  expect(ring.space).toBe(0);
  expect(() => {
    ring.push(submission({}));
  }).toThrow(/full/);
  expect(ring.submit()).toBe(8);
  expect(ring.space).toBe(8);
  expect(answers(8)).toHaveLength(8);
});

test('requests that were not submitted can be taken back', () => {
  ring.push(submission({ userData: 3 }));
  ring.push(submission({ userData: 4 }));
  expect(ring.withdraw()).toEqual([3, 4]);
  ring.push(submission({ userData: 5 }));
  expect(answers(1)).toEqual([[5, 0]]);
});

test('a write is linked to the fsync after it, and a failed write severs the link', () => {
  const memory = arena.allocate(4096).fill(1);
  const address = arena.addressOf(memory)!;
  const write = { operation: operationCode.write, address, flags: sqeFlag.link, userData: 1 };
  const sync = {
    operation: operationCode.fsync,
    operationFlags: fsyncFlag.dataSync,
    userData: 2,
  };
  ring.push(submission({ ...write, byteCount: 4096 }));
  ring.push(submission(sync));
  expect(answers(2)).toEqual([
    [1, 4096],
    [2, 0],
  ]);
  // 100 bytes are no whole block: direct I/O refuses them, and the fsync is cancelled.
  ring.push(submission({ ...write, byteCount: 100 }));
  ring.push(submission(sync));
  const { EINVAL, ECANCELED } = os.constants.errno;
  expect(answers(2).sort()).toEqual([
    [1, -EINVAL],
    [2, -ECANCELED],
  ]);
});

test('registered buffers and files carry a durable write and its read', () => {
  const memory = arena.allocate(8192);
  ring.registerFiles([fd]);
  ring.reserveBuffers(4);
  const words = arena.allocate(16);
  ring.registerBuffer(
    2,
    arena.mappingOf(memory)!,
    new Uint32Array(words.buffer, words.byteOffset, 4),
    arena.addressOf(words)!,
  );
  const first = memory.subarray(0, 4096).fill(0x77);
  const second = memory.subarray(4096);
  const common = {
    file: 0,
    flags: sqeFlag.fixedFile,
    byteCount: 4096,
    byteOffset: 8192,
    bufferIndex: 2,
  };
  ring.push(
    submission({
      ...common,
      operation: operationCode.writeFixed,
      operationFlags: transferFlag.dataSync,
      address: arena.addressOf(first)!,
    }),
  );
  expect(answers(1)).toEqual([[0, 4096]]);
  const address = arena.addressOf(second)!;
  ring.push(submission({ ...common, operation: operationCode.readFixed, address }));
  expect(answers(1)).toEqual([[0, 4096]]);
  expect(second).toEqual(first);
  ring.unregisterBuffers();
  ring.push(submission({ ...common, operation: operationCode.readFixed, address }));
  expect(answers(1)).toEqual([[0, -os.constants.errno.EFAULT]]);
});

test('a byte offset above 4 GiB reaches the kernel whole', () => {
  const byteOffset = 5 * 2 ** 30 + 4096;
  const memory = arena.allocate(4096).fill(9);
  const address = arena.addressOf(memory)!;
  ring.push(submission({ operation: operationCode.write, address, byteCount: 4096, byteOffset }));
  expect(answers(1)).toEqual([[0, 4096]]);
  expect(fs.fstatSync(fd).size).toBe(byteOffset + 4096);
});

test('a closed ring refuses to be used', () => {
  ring.close();
  ring.close();
  expect(() => ring.reap(() => undefined)).toThrow(/closed/);
  expect(() => ring.submit()).toThrow(/closed/);
});

test('a ring that cannot be made says why and what to do', () => {
  expect(() => IoUring.open(calls, { submissionEntries: 0, completionEntries: 8 })).toThrow(
    /io_uring_setup failed: EINVAL \(invalid argument\): run `powercut doctor`/,
  );
  expect(setupAdvice('EPERM')).toMatch(/seccomp|io_uring_disabled/);
  expect(setupAdvice('ENOSYS')).toMatch(/Linux 5\.6/);
  expect(setupAdvice('ENOMEM')).toMatch(/memlock/);
});

describe('the completion bell', () => {
  test('rings once completions are there, also those from before anybody listened', async () => {
    using bell = CompletionBell.acquire(calls);
    ring.registerEventfd(bell.fd);
    ring.push(submission({}));
    ring.submit(1);
    await new Promise<void>((resolve) => {
      bell.sleep(resolve);
    });
    expect(ring.reap(() => undefined)).toBe(1);
  });

  test('is shared, and lets its pool thread go when nobody holds it any more', async () => {
    const bell = CompletionBell.acquire(calls);
    const same = CompletionBell.acquire(calls);
    expect(same.fd).toBe(bell.fd);
    let woken = 0;
    bell.sleep(() => woken++);
    bell[Symbol.dispose]();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(woken).toBe(0);
    same[Symbol.dispose]();
    await expect.poll(() => woken).toBe(1);
    await expect.poll(() => fs.existsSync(`/proc/self/fd/${bell.fd}`)).toBe(false);
  });

  test('does not keep a process from exiting while it is listened to', async () => {
    const module = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
    const script = `
      const { loadSystemCalls } = await import(${module('./libc.ts')});
      const { CompletionBell } = await import(${module('./completion-bell.ts')});
      const { calls } = await loadSystemCalls();
      CompletionBell.acquire(calls).sleep(() => undefined);
      setTimeout(() => process.exit(7), 50);
    `;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
    const { exitCode } = await execa(process.execPath, args, { reject: false, timeout: 15_000 });
    expect(exitCode).toBe(7);
  });
});
