import {
  changesOf,
  type AckLedger,
  type Clock,
  type EngineSession,
  type Op,
  type OpId,
  type Outcome,
  type WorkloadRun,
} from '../contract/index.ts';
import { writeRecordStamp, writeStamp } from '../ledger/block-stamp.ts';

export interface DriveOptions {
  readonly session: EngineSession;
  readonly workload: WorkloadRun;
  readonly ledger: AckLedger;
  readonly clock: Clock;
  readonly queueDepth: number;
  readonly seed: number;
  readonly epoch: number;
  /** Called after the n-th operation (from 1) is in the ledger and before it is submitted. */
  onInvoke(count: number): void;
  /**
   * Awaited after the operation is in the ledger and before it is submitted, where the ledger's place
   * in the history of another process must be certain by then.
   */
  beforeSubmit?(): Promise<void>;
  onSettle(op: Op, outcome: Outcome, latencyNs: number): void;
  /** Resolves when nothing more can settle: power was cut, or the engine is stuck. */
  readonly dead: Promise<void>;
}

export interface DriveOutcome {
  readonly invoked: number;
  /** `engine-stopped`: it refused so many operations in a row that going on shows nothing new. */
  readonly end: 'finished' | 'engine-stopped' | 'dead';
}

/**
 * Submits the workload with at most `queueDepth` operations in flight and keeps the ledger: an
 * operation is in the ledger before it is submitted, and settles in it in the same turn in which the
 * engine answers, so that an answer given a moment too early is on record as too early.
 */
export async function driveWorkload(options: DriveOptions): Promise<DriveOutcome> {
  const driver = new WorkloadDriver(options);
  const dead = options.dead.then((): DriveOutcome => ({ invoked: driver.invoked, end: 'dead' }));
  return Promise.race([driver.run(), driver.broken, dead]);
}

class WorkloadDriver {
  readonly #options: DriveOptions;
  readonly #idleWriters: number[];
  #inFlight = 0;
  #refusedInARow = 0;
  #wake: () => void = () => undefined;
  #break: (error: unknown) => void = () => undefined;
  invoked = 0;
  /** Rejects when a settlement could not be taken in: the workload threw, or the ledger is wrong. */
  readonly broken = new Promise<never>((_resolve, reject) => {
    this.#break = reject;
  });

  constructor(options: DriveOptions) {
    this.#options = options;
    this.#idleWriters = Array.from({ length: options.queueDepth }, (_, index) => index).reverse();
  }

  async run(): Promise<DriveOutcome> {
    let end: DriveOutcome['end'] = 'finished';
    for (;;) {
      if (this.#refusedInARow > 2 * this.#options.queueDepth) {
        end = 'engine-stopped';
        break;
      }
      const op = this.#idleWriters.length > 0 ? this.#options.workload.next() : 'wait';
      if (op === undefined) break;
      if (op !== 'wait') this.#start(op);
      else await this.#nextSettlement();
    }
    while (this.#inFlight > 0) await this.#nextSettlement();
    return { invoked: this.invoked, end };
  }

  #nextSettlement(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #start(op: Op): void {
    const { ledger, clock, session, seed, epoch } = this.#options;
    const writer = this.#idleWriters.pop()!;
    const invokedNs = clock.now();
    const id = ledger.invoke(op, writer, invokedNs);
    this.invoked++;
    this.#inFlight++;
    const payload = stampedPayload(op, {
      seed,
      op: id,
      writer,
      epoch,
      blockBytes: session.space.blockBytes,
    });
    this.#options.onInvoke(this.invoked);
    this.#submit(op, payload)
      .then((outcome) => {
        this.#settle(id, op, writer, checkedOutcome(outcome), invokedNs);
      })
      .catch((error: unknown) => {
        this.#break(error);
      });
  }

  /** Without a turn of its own where nothing is waited for: an answer is on record as it comes. */
  #submit(op: Op, payload: Uint8Array): Promise<Outcome> {
    const { session } = this.#options;
    const announced = this.#options.beforeSubmit?.();
    if (announced === undefined) return submitSafely(session, op, payload);
    return announced.then(() => submitSafely(session, op, payload));
  }

  #settle(id: OpId, op: Op, writer: number, outcome: Outcome, invokedNs: number): void {
    const { ledger, clock, workload } = this.#options;
    const nowNs = clock.now();
    ledger.settle(id, outcome, nowNs);
    this.#refusedInARow = outcome.status === 'acknowledged' ? 0 : this.#refusedInARow + 1;
    this.#inFlight--;
    this.#idleWriters.push(writer);
    workload.settled(id, op, outcome);
    this.#options.onSettle(op, outcome, nowNs - invokedNs);
    this.#wake();
  }
}

/** An adapter that throws has proved nothing about the disk: the operation is indeterminate. */
function submitSafely(session: EngineSession, op: Op, payload: Uint8Array): Promise<Outcome> {
  const indeterminate = (error: unknown): Outcome => ({
    status: 'indeterminate',
    reason: `the adapter threw: ${String(error)}`,
  });
  try {
    return session.submit(op, payload).catch(indeterminate);
  } catch (error) {
    return Promise.resolve(indeterminate(error));
  }
}

const statuses: ReadonlySet<unknown> = new Set<Outcome['status']>([
  'acknowledged',
  'rejected',
  'indeterminate',
]);

/** What is no outcome says nothing, whatever the adapter meant by it. */
function checkedOutcome(answer: Outcome | undefined | null): Outcome {
  if (statuses.has(answer?.status)) return answer!;
  return { status: 'indeterminate', reason: `the adapter answered ${JSON.stringify(answer)}` };
}

interface PayloadStamp {
  readonly seed: number;
  readonly op: OpId;
  readonly writer: number;
  readonly epoch: number;
  readonly blockBytes: number;
}

/** The bytes an operation writes: every block, or the appended record, says what it is. */
export function stampedPayload(op: Op, stamp: PayloadStamp): Uint8Array {
  if (op.kind === 'append') {
    const record = new Uint8Array(op.byteCount);
    writeRecordStamp(record, { ...stamp, block: 0, value: 0 });
    return record;
  }
  const changes = changesOf(op);
  const payload = new Uint8Array(changes.length * stamp.blockBytes);
  for (const [index, change] of changes.entries()) {
    const block = payload.subarray(index * stamp.blockBytes, (index + 1) * stamp.blockBytes);
    writeStamp(block, { ...stamp, block: change.block, value: change.value ?? 0 });
  }
  return payload;
}
