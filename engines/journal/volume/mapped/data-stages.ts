import { blockBytes } from '../../format/layout.ts';
import type { VolumeSite } from '../volume-mode.ts';
import type { Change } from './change.ts';

export interface StageSite extends Pick<VolumeSite, 'data' | 'layout' | 'config'> {
  /** Finds room for the change's blocks, unless it must wait for it, or there never will be any. */
  place(change: Change): Placing;
  /** The blocks of the change have been sent off. */
  onSent(change: Change): void;
  /** They have arrived: durable in an ordered volume, written in the other. In the order of sending. */
  onArrived(change: Change): void;
  onFailure(error: unknown): void;
}

/** `refused`: whoever made the change has been told. */
export type Placing = 'placed' | 'waits' | 'refused';

interface Stage {
  readonly changes: readonly Change[];
  readonly buffer: Uint8Array;
  isWritten: boolean;
  hasArrived: boolean;
}

/** A stage takes what waits, up to so many blocks: 256 KiB of buffer. A larger change has its own. */
const stageBlocksMax = 64;

/**
 * Sends the data of changes to their new places, ahead of the records that say so. Whatever waits when
 * one of K slots is free goes out together, so that one flush, or one round of FUA writes, serves all
 * of it, and the records behind it still share their batches. Changes arrive in the order in which
 * they were queued.
 */
export class DataStages {
  readonly #site: StageSite;
  readonly #isOrdered: boolean;
  readonly #queue: Change[] = [];
  readonly #stages: Stage[] = [];
  readonly #freeBuffers: Uint8Array[] = [];
  #queuedBlocks = 0;
  #isFlushing = false;
  #isPumpDue = false;
  #isStopped = false;

  constructor(site: StageSite, { isOrdered }: { readonly isOrdered: boolean }) {
    this.#site = site;
    this.#isOrdered = isOrdered;
  }

  get queuedBytes(): number {
    return this.#queuedBlocks * blockBytes;
  }

  /** What is queued in one turn goes out together. */
  submit(change: Change): void {
    this.#queue.push(change);
    this.#queuedBlocks += change.blocks.length;
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    queueMicrotask(() => {
      this.#isPumpDue = false;
      this.pump();
    });
  }

  /** Sends what can be sent now; called again whenever places have become free. */
  pump(): void {
    while (!this.#isStopped && this.#stages.length < this.#site.config.inFlightBatchesMax) {
      const changes = this.#takeFromQueue();
      if (changes.length === 0) return;
      this.#send(changes);
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#queue.length = 0;
    this.#stages.length = 0;
  }

  #takeFromQueue(): Change[] {
    const taken: Change[] = [];
    let blocks = 0;
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const isFull = blocks > 0 && blocks + next.blocks.length > stageBlocksMax;
      const placing = isFull ? 'waits' : this.#site.place(next);
      if (placing === 'waits') break;
      this.#queue.shift();
      this.#queuedBlocks -= next.blocks.length;
      if (placing === 'refused') continue;
      taken.push(next);
      blocks += next.blocks.length;
    }
    return taken;
  }

  #send(changes: readonly Change[]): void {
    const blockCount = changes.reduce((sum, { blocks }) => sum + blocks.length, 0);
    const stage = {
      changes,
      buffer: this.#bufferFor(blockCount),
      isWritten: false,
      hasArrived: false,
    };
    this.#stages.push(stage);
    this.#write(stage).then(
      () => {
        this.#noteWritten(stage);
      },
      (error: unknown) => {
        this.#site.onFailure(error);
      },
    );
    for (const change of changes) this.#site.onSent(change);
  }

  /** Blocks that lie together go out together. */
  async #write({ changes, buffer }: Stage): Promise<void> {
    const { data } = this.#site;
    const fua = this.#isOrdered && data.path === 'fua';
    const writes: Promise<void>[] = [];
    const sendRun = (start: number, end: number, place: number): void => {
      const byteOffset = this.#site.layout.extents.data.byteOffset + place * blockBytes;
      const source = buffer.subarray(start * blockBytes, end * blockBytes);
      writes.push(data.write('data', byteOffset, source, { fua }));
    };
    let index = 0;
    let runStart = 0;
    let runPlace = -1;
    for (const { blocks, places } of changes) {
      for (const [nth, { data: bytes }] of blocks.entries()) {
        const place = places[nth]!;
        if (index > runStart && place !== runPlace + index - runStart) {
          sendRun(runStart, index, runPlace);
          runStart = index;
        }
        if (index === runStart) runPlace = place;
        buffer.set(bytes, index * blockBytes);
        index += 1;
      }
    }
    sendRun(runStart, index, runPlace);
    await Promise.all(writes);
  }

  #noteWritten(stage: Stage): void {
    stage.isWritten = true;
    if (this.#isOrdered && this.#site.data.path === 'flush') {
      this.#flushWritten();
    } else {
      stage.hasArrived = true;
      this.#advance();
    }
  }

  /** One flush at a time covers every stage whose writes had completed when it was submitted. */
  #flushWritten(): void {
    if (this.#isFlushing || this.#isStopped) return;
    const covered = this.#stages.filter((stage) => stage.isWritten && !stage.hasArrived);
    if (covered.length === 0) return;
    this.#isFlushing = true;
    this.#site.data.flush().then(
      () => {
        this.#isFlushing = false;
        for (const stage of covered) stage.hasArrived = true;
        this.#advance();
        this.#flushWritten();
      },
      (error: unknown) => {
        this.#site.onFailure(error);
      },
    );
  }

  #advance(): void {
    if (this.#isStopped) return;
    while (this.#stages[0]?.hasArrived === true) {
      const { changes, buffer } = this.#stages.shift()!;
      if (buffer.length === stageBlocksMax * blockBytes) this.#freeBuffers.push(buffer);
      for (const change of changes) this.#site.onArrived(change);
    }
    this.pump();
  }

  #bufferFor(blockCount: number): Uint8Array {
    if (blockCount > stageBlocksMax) return new Uint8Array(blockCount * blockBytes);
    const byteCount = stageBlocksMax * blockBytes;
    return this.#freeBuffers.pop() ?? this.#site.data.device.allocate(byteCount);
  }
}
