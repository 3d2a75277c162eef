import * as fs from 'node:fs';
import * as path from 'node:path';
import type { TransferCalls } from '../../sys/transfer-calls.ts';
import type { CpuUse } from './job-result.ts';

/** getrusage(2). */
const ofThisThread = 1;
/** struct rusage of 64-bit Linux, in words of 8 bytes. */
const usageBytes = 144;
const word = {
  userSeconds: 0,
  userMicroseconds: 1,
  systemSeconds: 2,
  systemMicroseconds: 3,
  minorFaults: 8,
  majorFaults: 9,
  voluntarySwitches: 14,
  involuntarySwitches: 15,
} as const;

/** What this thread, and the kernel's threads for its rings, have used so far. */
export function readThreadUsage(transfers: TransferCalls): CpuUse {
  const bytes = new Uint8Array(usageBytes);
  transfers.getrusage(ofThisThread, bytes);
  const words = new BigInt64Array(bytes.buffer);
  const at = (index: number): number => Number(words[index]!);
  return {
    userNs: at(word.userSeconds) * 1e9 + at(word.userMicroseconds) * 1e3,
    systemNs: at(word.systemSeconds) * 1e9 + at(word.systemMicroseconds) * 1e3,
    ringWorkersNs: ringWorkersNs(),
    voluntarySwitches: at(word.voluntarySwitches),
    involuntarySwitches: at(word.involuntarySwitches),
    majorFaults: at(word.majorFaults),
    minorFaults: at(word.minorFaults),
  };
}

export function usageBetween(before: CpuUse, after: CpuUse): CpuUse {
  const difference = (figure: keyof CpuUse): number => after[figure] - before[figure];
  return {
    userNs: difference('userNs'),
    systemNs: difference('systemNs'),
    // A worker that has had nothing to do for seconds ends, and its time with it.
    ringWorkersNs: Math.max(0, difference('ringWorkersNs')),
    voluntarySwitches: difference('voluntarySwitches'),
    involuntarySwitches: difference('involuntarySwitches'),
    majorFaults: difference('majorFaults'),
    minorFaults: difference('minorFaults'),
  };
}

/** The kernel names them after the thread whose ring they serve: `iou-wrk-4711`. */
function ringWorkersNs(): number {
  const thread = path.basename(fs.readlinkSync('/proc/thread-self'));
  return fs
    .readdirSync('/proc/self/task')
    .filter((task) => readTask(task, 'comm')?.trim() === `iou-wrk-${thread}`)
    .reduce((sum, task) => sum + Number(readTask(task, 'schedstat')?.split(' ')[0] ?? 0), 0);
}

/** Undefined where the thread has ended meanwhile. */
function readTask(task: string, file: string): string | undefined {
  try {
    return fs.readFileSync(`/proc/self/task/${task}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
