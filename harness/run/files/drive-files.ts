import type { FileLedgerView, LedgerPosition, Random } from '../../contract/index.ts';
import { createFileLedger } from '../../ledger/file-ledger.ts';
import type { FileDriver } from '../../rigs/file-driver.ts';
import type { ReadyFileScenario } from '../plugin-sources.ts';

/** What all files together may hold: a crash state is read back as a whole. */
const bytesMax = 512 * 1024;

export interface DriveFilesOptions {
  readonly ready: ReadyFileScenario;
  /** Of the round. */
  readonly random: Random;
  readonly stop: AbortSignal;
  onProgress(done: number, total: number): void;
}

/** What sees the workload go by from beneath the file system. */
export interface FileWitness {
  /** Places a position of the ledger in the evidence; placed when it resolves. */
  mark(position: LedgerPosition): Promise<void>;
  /** The n-th operation, from 1, is in the ledger and about to be performed. */
  noteOp(n: number): Promise<void>;
  /** Nothing that is acknowledged from now on counts. */
  readonly powerLost: Promise<void>;
  /** The cut has been made: nothing more is performed. */
  isOver?(): boolean;
  /** The cut has begun: answers may be lies, and failures are its doing. */
  isCutting?(): boolean;
}

export interface DrivenFiles {
  readonly ledger: FileLedgerView;
  /** Why the workload did not come to its end; undefined where it did, or power was lost. */
  readonly gap: string | undefined;
}

/**
 * One operation after the other. Its place in the evidence is fixed before it is submitted and again
 * once it is acknowledged. What power loss leaves without an answer stays unsettled.
 */
export async function driveFiles(
  { ready, random, stop, ...options }: DriveFilesOptions,
  witness: FileWitness,
  driver: FileDriver,
): Promise<DrivenFiles> {
  const { seed, limits } = ready.scenario;
  let lastMark = Promise.resolve();
  const ledger = createFileLedger({
    seed,
    onRecord: (position) => {
      lastMark = witness.mark(position);
    },
  });
  const workload = ready.workload.start(
    { opsMax: limits.ops, random: random.fork('workload'), bytesMax },
    ready.workloadOptions,
  );
  const powerLost = witness.powerLost.then(() => undefined);
  const ended = (gap?: string): DrivenFiles => ({ ledger: ledger.view(), gap });
  for (let count = 1; ; count++) {
    if (stop.aborted) return ended('out of time or interrupted while the workload ran');
    const op = workload.next();
    if (op === undefined) return ended();
    const id = ledger.invoke(op);
    await lastMark;
    await witness.noteOp(count);
    if (witness.isOver?.() === true) return ended();
    const outcome = await Promise.race([driver.perform(id, op), powerLost]);
    if (outcome === undefined || witness.isCutting?.() === true) return ended();
    ledger.settle(id, outcome);
    await lastMark;
    workload.settled(id, op, outcome);
    options.onProgress(count, limits.ops);
  }
}
