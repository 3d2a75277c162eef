import * as fs from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { operationCode } from './io-uring-layout.ts';
import { IoUring } from './io-uring.ts';
import { loadSystemCalls, type SystemCalls } from './libc.ts';
import { ReadyWait } from './ready-wait.ts';

/** A wait that nothing ends takes a millisecond. */
const waits = 30;
const sliceMs = 1;

let calls: SystemCalls;
let ring: IoUring;
let wait: ReadyWait;

beforeEach(async () => {
  const answer = await loadSystemCalls();
  if (!answer.available) throw new Error(answer.reason);
  calls = answer.calls;
  ring = IoUring.open(calls, { submissionEntries: 8, completionEntries: 16 });
  wait = ReadyWait.acquire(calls);
  wait.add(ring.fd);
});

afterEach(() => {
  wait.remove(ring.fd);
  wait[Symbol.dispose]();
  ring.close();
});

function complete(on: IoUring): void {
  on.push({
    operation: operationCode.nop,
    flags: 0,
    file: 0,
    byteOffset: 0,
    address: 0,
    byteCount: 0,
    operationFlags: 0,
    userData: 0,
    bufferIndex: 0,
  });
  on.submit(1);
}

function waitedMs(): number {
  const startMs = performance.now();
  for (let count = 0; count < waits; count++) wait.block();
  return performance.now() - startMs;
}

test('a wait that nothing ends is over after a slice', () => {
  expect(waitedMs()).toBeLessThan(waits * sliceMs * 5);
});

test('a wait is over at once while a ring has completions', () => {
  complete(ring);
  expect(waitedMs()).toBeLessThan((waits * sliceMs) / 2);
});

test('any ring of the thread ends the wait', () => {
  const other = IoUring.open(calls, { submissionEntries: 8, completionEntries: 16 });
  const same = ReadyWait.acquire(calls);
  same.add(other.fd);
  complete(other);
  expect(waitedMs()).toBeLessThan((waits * sliceMs) / 2);
  same.remove(other.fd);
  same[Symbol.dispose]();
  other.close();
});

test('work of the event loop ends the wait', async () => {
  expect(calls.eventLoopFd()).toBeGreaterThan(0);
  let isRead = false;
  fs.stat('/', () => {
    isRead = true;
  });
  // The thread pool answers while this thread waits; the event loop sees it only afterwards.
  for (let count = 0; count < waits; count++) wait.block();
  expect(isRead).toBe(false);
  expect(waitedMs()).toBeLessThan((waits * sliceMs) / 2);
  await expect.poll(() => isRead).toBe(true);
});
