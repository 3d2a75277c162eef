import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { registerCode } from './io-uring-layout.ts';
import { IoUring } from './io-uring.ts';
import { loadSystemCalls, type SystemCalls } from './libc.ts';
import { TransferRing, type TransferRingOptions } from './transfer-ring.ts';
import { loadTransferCalls } from './transfer-calls.ts';

let calls: SystemCalls;
let folder = '';
let fd = -1;

beforeEach(async () => {
  const answer = await loadSystemCalls();
  if (!answer.available) throw new Error(answer.reason);
  calls = answer.calls;
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-transfer-'));
  fd = fs.openSync(path.join(folder, 'file'), 'w+');
});

afterEach(() => {
  fs.closeSync(fd);
  fs.rmSync(folder, { recursive: true, force: true });
});

async function openRing(options: Partial<TransferRingOptions>): Promise<TransferRing> {
  return TransferRing.open(calls, await loadTransferCalls(), {
    slotCount: 4,
    slotBytes: 4096,
    fds: [fd],
    ...options,
  });
}

/**
 * Workers that the kernel keeps for this thread at most: for files, and for all else. For files that is
 * no more than the first ring of the thread has entries.
 */
function workersMax(): readonly number[] {
  const ring = IoUring.open(calls, { submissionEntries: 64, completionEntries: 64 });
  try {
    const counts = Uint32Array.of(0, 0);
    expect(calls.ioUringRegister(ring.fd, registerCode.workersMax, counts, 2)).toBe(0);
    return [...counts];
  } finally {
    ring.close();
  }
}

test('a limit of workers ends with its ring', async () => {
  const before = workersMax();
  expect(Math.min(...before)).toBeGreaterThan(1);
  const ring = await openRing({ workersMax: 1 });
  expect(workersMax()).toEqual([1, 1]);
  ring.close();
  expect(workersMax()).toEqual(before);
});

test.each([true, false])(
  'a request is handed over when it has been queued, and not when it is ready (buffers pinned: %s)',
  async (pinsBuffers) => {
    using ring = await openRing({ pinsBuffers });
    ring.bufferOf(2).fill(7);
    ring.transfer(2, true, 0, 8192, 4096);
    expect(ring.enter(0)).toBe(0);
    expect(fs.fstatSync(fd).size).toBe(0);
    ring.queue(2);
    expect(ring.queued).toBe(1);
    expect(ring.enter(1)).toBe(1);
    expect(ring.reap(4)).toBe(1);
    expect([ring.completedSlots[0], ring.results[0]]).toEqual([2, 4096]);
    expect(fs.fstatSync(fd).size).toBe(12_288);
  },
);

/** KiB of this process that stay in memory for the kernel's sake. */
function pinnedKibibytes(): number {
  return Number(/^VmPin:\s+(\d+) kB$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))![1]);
}

test('a closed ring lets go of its memory, also where more follow than a thread may register', async () => {
  const before = pinnedKibibytes();
  for (let count = 0; count < 20; count++) {
    using ring = await openRing({ pinsBuffers: true });
    expect(ring.isPinned).toBe(true);
    ring.transfer(1, true, 0, 0, 4096);
    ring.queue(1);
    expect([ring.enter(1), ring.reap(4)]).toEqual([1, 1]);
  }
  // The kernel takes rings apart in its own time.
  await vi.waitFor(
    () => {
      expect(pinnedKibibytes()).toBeLessThanOrEqual(before);
    },
    {
      timeout: 20_000,
    },
  );
});
