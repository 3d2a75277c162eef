import type { FaultList } from './fault-list.ts';
import type { JobMeter } from './job-meter.ts';
import type { OpFeed } from './op-feed.ts';
import type { Pacer } from './pacer.ts';
import type { RunWindow } from './run-window.ts';
import type { Contents } from './write-contents.ts';

/** What a driver is to do until its feed pauses or ends, or the window closes. */
export interface LoadTask {
  readonly feed: OpFeed;
  readonly meter: JobMeter;
  readonly window: RunWindow;
  readonly pacer: Pacer;
  readonly contents: Contents;
  /** What is read is checked and listed here; undefined where nothing is checked. */
  readonly faults: FaultList | undefined;
  /** Whether the feed says which write each read must find. */
  readonly knowsWrites: boolean;
  /** The first block that is wrong ends the job. */
  readonly endsAtFault: boolean;
}

/** Whether what was read is wrong, and that ends the job. */
export function hasFatalFault({ faults, endsAtFault }: LoadTask): boolean {
  return endsAtFault && faults !== undefined && faults.count > 0;
}

/** Performs operations. When `run` has ended, however, nothing is in flight. */
export interface LoadDriver {
  readonly isSplit: boolean;
  readonly registersBuffers: boolean;
  /** The memory that operations write from. */
  readonly buffers: readonly Uint8Array[];
  run(task: LoadTask): void | Promise<void>;
  /** Makes everything written to the file durable: 0, or the errno. */
  syncFile(fileIndex: number): number | Promise<number>;
}

/** One that a thread has to itself, and that never waits but in the kernel. */
export interface BlockingDriver extends LoadDriver, Disposable {
  run(task: LoadTask): void;
  syncFile(fileIndex: number): number;
}
