/** A journal on a benchmark's target, and the closed loops that the benchmarks put on it. */
import type { BenchTarget } from '../../../harness/measure/bench-target.fixture.ts';
import { createRealPlatform } from '../../../harness/rigs/real-platform.ts';
import type { JournalOptions } from '../config.ts';
import type { KeyProvider } from '../crypto/key-provider.ts';
import { formatJournal } from '../format-journal.ts';
import { openJournal, type Journal } from '../journal.ts';

export const payloadBytes = 4096;

/** A type that a reader must know; released again, so that the ring goes round. */
const recordType = 0x8001;
/** A consumer of the log works through it and then lets a stretch of it go. */
const releaseEvery = 64;
const warmUpSeconds = 0.3;

/** Formats the target, opens the journal, closes it cleanly after the work. */
export async function withJournal<T>(
  target: BenchTarget,
  options: JournalOptions,
  work: (journal: Journal) => Promise<T>,
  keys?: KeyProvider,
): Promise<T> {
  let answer: T | undefined;
  await untilClosed(
    target,
    options,
    async (journal) => {
      answer = await work(journal);
    },
    keys,
  );
  return answer!;
}

/** The same, for figures that count what closing does as well: answers the closed journal. */
export async function untilClosed(
  target: BenchTarget,
  options: JournalOptions,
  work: (journal: Journal) => Promise<void>,
  keys?: KeyProvider,
): Promise<Journal> {
  await using device = await target.open();
  const platform = createRealPlatform();
  await formatJournal({ journal: device }, options, platform, keys);
  const journal = await openJournal({ journal: device }, options, platform, keys);
  await work(journal);
  await journal.close();
  return journal;
}

export interface AppendFigures {
  readonly appendsPerSecond: number;
  /** User and system time of this process, its threads and the kernel's on its behalf. */
  readonly cpuMicrosecondsPerAppend: number;
}

/** Each writer waits for its acknowledgement before its next append. */
export async function appendRate(
  journal: Journal,
  writers: number,
  seconds: number,
): Promise<AppendFigures> {
  await appendFor(journal, writers, Math.min(warmUpSeconds, seconds));
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  const appends = await appendFor(journal, writers, seconds);
  const cpu = process.cpuUsage(startCpu);
  return {
    appendsPerSecond: (appends / (performance.now() - startMs)) * 1000,
    cpuMicrosecondsPerAppend: (cpu.user + cpu.system) / appends,
  };
}

/** Latencies of one writer, in microseconds, in the order of its appends. */
export async function loneLatencies(journal: Journal, seconds: number): Promise<number[]> {
  await appendFor(journal, 1, Math.min(warmUpSeconds, seconds));
  const payload = new Uint8Array(payloadBytes).fill(0x5a);
  const latencies: number[] = [];
  const endMs = performance.now() + seconds * 1000;
  for (let beganMs = performance.now(); beganMs < endMs;) {
    const lsn = await journal.append(recordType, 0, 0, payload);
    const endedMs = performance.now();
    latencies.push((endedMs - beganMs) * 1000);
    if (latencies.length % releaseEvery === 0) journal.release(lsn);
    beganMs = endedMs;
  }
  return latencies;
}

/** Rounds of appends that are submitted together, and so go out as one batch. */
export async function appendInBatches(
  journal: Journal,
  batchRecords: number,
  rounds: number,
): Promise<void> {
  const payload = new Uint8Array(payloadBytes).fill(0x5a);
  for (let round = 0; round < rounds; round++) {
    const batch = Array.from({ length: batchRecords }, () =>
      journal.append(recordType, 0, 0, payload),
    );
    journal.release(Math.max(...(await Promise.all(batch))));
  }
}

/** Writes single blocks, in the order in which `nextBlock` names them. */
export async function writeBlocks(
  journal: Journal,
  writers: number,
  writes: number,
  nextBlock: () => number,
): Promise<void> {
  const payload = new Uint8Array(payloadBytes).fill(0x5a);
  let left = writes;
  const writer = async (): Promise<void> => {
    while (left-- > 0) await journal.write(nextBlock(), payload);
  };
  await Promise.all(Array.from({ length: writers }, writer));
}

async function appendFor(journal: Journal, writers: number, seconds: number): Promise<number> {
  const payload = new Uint8Array(payloadBytes).fill(0x5a);
  let isOver = false;
  let appends = 0;
  const timer = setTimeout(() => {
    isOver = true;
  }, seconds * 1000);
  const writer = async (): Promise<void> => {
    while (!isOver) {
      const lsn = await journal.append(recordType, 0, 0, payload);
      appends++;
      if (appends % releaseEvery === 0) journal.release(lsn);
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  clearTimeout(timer);
  return appends;
}
