/**
 * Drives a job's operations against an engine under test, one promise for each: as many lanes as the
 * job has depth, each with a buffer of its own. Syncs are flushes of the engine, and like everything
 * else they wait for nothing that another lane has in flight.
 */
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { EngineSession, Outcome } from '../../contract/index.ts';
import { opKind } from '../plan/op-chunk.ts';
import { hasFatalFault, type LoadDriver, type LoadTask } from './load-task.ts';

const { EIO } = constants.errno;

/** One operation, taken out of the feed. */
interface TakenOp {
  readonly kind: number;
  readonly fileIndex: number;
  readonly byteOffset: number;
  readonly byteCount: number;
  readonly writeNumber: number;
  readonly dueMs: number;
}

export class EngineLanes implements LoadDriver {
  readonly isSplit = true;
  readonly registersBuffers = false;
  readonly #session: EngineSession;
  readonly #buffers: readonly Uint8Array[];
  #inFlight = 0;
  #pause: Promise<void> | undefined;

  constructor(session: EngineSession, depth: number, bufferBytes: number) {
    this.#session = session;
    this.#buffers = Array.from({ length: depth }, () => new Uint8Array(bufferBytes));
  }

  get buffers(): readonly Uint8Array[] {
    return this.#buffers;
  }

  /** Returns when the feed has ended or paused, or the window is closed, and nothing is in flight. */
  async run(task: LoadTask): Promise<void> {
    await Promise.all(this.#buffers.map((buffer) => this.#lane(task, buffer)));
  }

  async syncFile(): Promise<number> {
    const isDone = await this.#submit({ kind: opKind.fsync, byteOffset: 0 }, nothing);
    return isDone ? 0 : EIO;
  }

  async #lane(task: LoadTask, buffer: Uint8Array): Promise<void> {
    const { feed, window, pacer } = task;
    for (;;) {
      const nowMs = performance.now();
      if (window.isOver(nowMs) || hasFatalFault(task) || !feed.load()) return;
      const waitMs = pacer.dueMs(feed.dueNs) - nowMs;
      if (pacer.mustPause) await this.#think(task);
      else if (waitMs > 0) await delay(Math.min(waitMs, longestWaitMs));
      else await this.#perform(task, takeFrom(task), buffer);
    }
  }

  /** The lane that is last to finish begins the pause, and all wait for its end. */
  async #think({ pacer }: LoadTask): Promise<void> {
    if (this.#inFlight > 0 && this.#pause === undefined) await delay(1);
    else await (this.#pause ??= this.#pauseOnce(pacer));
  }

  async #pauseOnce(pacer: LoadTask['pacer']): Promise<void> {
    let wakeMs = 0;
    pacer.pause(performance.now(), (untilMs) => {
      wakeMs = untilMs;
    });
    await delay(Math.max(0, wakeMs - performance.now()));
    this.#pause = undefined;
  }

  async #perform(task: LoadTask, op: TakenOp, buffer: Uint8Array): Promise<void> {
    const { meter, contents } = task;
    const bytes = buffer.subarray(0, op.byteCount);
    if (op.kind === opKind.write && contents.isPreparedPerWrite) {
      contents.prepare(bytes, op.byteOffset, op.writeNumber);
    }
    const mark = op.kind >= opKind.fsync ? meter.markSync(op.fileIndex) : 0;
    meter.issuedAtDepth(++this.#inFlight);
    const startMs = performance.now();
    const answer = this.#submit(op, bytes);
    const issuedMs = performance.now();
    const isDone = await answer;
    const doneMs = performance.now();
    this.#inFlight--;
    const { kind, fileIndex, byteOffset, byteCount } = op;
    if (!isDone) {
      meter.failed(kind, fileIndex, byteOffset, byteCount, EIO);
    } else if (kind >= opKind.fsync) {
      meter.synced(fileIndex, mark, startMs, doneMs);
    } else {
      meter.transferred(kind, fileIndex, byteCount, startMs, issuedMs, doneMs, op.dueMs);
      if (kind === opKind.read) check(task, op, bytes);
    }
  }

  /** Whether the engine has acknowledged it; a refusal is an operation that failed. */
  async #submit(
    { kind, byteOffset }: Pick<TakenOp, 'kind' | 'byteOffset'>,
    bytes: Uint8Array,
  ): Promise<boolean> {
    const { blockBytes } = this.#session.space;
    const block = byteOffset / blockBytes;
    const blockCount = bytes.length / blockBytes;
    try {
      if (kind === opKind.write) {
        return isAcknowledged(
          await this.#session.submit({ kind: 'write', block, blockCount }, bytes),
        );
      }
      if (kind !== opKind.read) {
        return isAcknowledged(await this.#session.submit({ kind: 'flush' }, nothing));
      }
      for (let index = 0; index < blockCount; index++) {
        const target = bytes.subarray(index * blockBytes, (index + 1) * blockBytes);
        await this.#session.read(block + index, target);
      }
      return true;
    } catch {
      // What the engine throws is a refusal: counted, with its place, like an errno of a device.
      return false;
    }
  }
}

const nothing = new Uint8Array(0);
/** A lane that waits looks so often whether the job is to end. */
const longestWaitMs = 200;

function isAcknowledged(outcome: Outcome): boolean {
  return outcome.status === 'acknowledged';
}

function takeFrom({ feed, pacer }: LoadTask): TakenOp {
  const { chunk, at, writeNumber } = feed;
  const op = {
    kind: chunk.kinds[at]!,
    fileIndex: chunk.fileIndexes[at]!,
    byteOffset: chunk.byteOffsets[at]!,
    byteCount: chunk.byteCounts[at]!,
    writeNumber,
    dueMs: pacer.isOpenLoop ? pacer.dueMs(feed.dueNs) : NaN,
  };
  feed.consume();
  pacer.issued();
  return op;
}

function check({ contents, faults, knowsWrites }: LoadTask, op: TakenOp, bytes: Uint8Array): void {
  if (faults === undefined) return;
  const fault = knowsWrites
    ? contents.check(bytes, op.byteOffset, op.writeNumber)
    : contents.checkAnyWrite(bytes, op.byteOffset);
  faults.checked(op.byteCount, op.fileIndex, fault);
}
