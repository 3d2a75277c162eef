import { EngineRefusal } from '../../../../harness/contract/index.ts';
import { blocksOf, type BlockData, type Operation } from '../../commit/operation.ts';
import { OutcomeUnknown } from '../../errors.ts';
import { blockDigest } from '../../format/block-digest.ts';
import { blockBytes } from '../../format/layout.ts';
import type { ConsumerMark } from '../../format/consumer-mark.ts';
import { flushData } from '../flush-data.ts';
import type { VolumeLog, VolumeMode, VolumeSite } from '../volume-mode.ts';
import { nowhere, type BlockMap } from './block-map.ts';
import { changeRecordBytes, mapUpdate, type Change } from './change.ts';
import { DataStages } from './data-stages.ts';
import type { FreeSpace } from './free-space.ts';
import { writeMap } from './map-store.ts';
import { readMapped } from './read-mapped.ts';

interface Waiter {
  isDone(): boolean;
  resolve(): void;
  reject(error: Error): void;
}

/**
 * Modes `ordered` and `writeback`: a changed block is written once, to a place that nothing refers to,
 * and the log says where. No place is taken that holds an acknowledged block, nor one that recovery
 * could still find one at: a place is free when the record that moved its block away is durable, since
 * whatever map is on the medium, that record is replayed over it.
 *
 * `ordered` sends the record when the data is durable, so a record that is found is true. `writeback`
 * sends both at once: after a crash a block may hold what its new place held before.
 */
export class MappedVolume implements VolumeMode {
  /** A consumer's progress must not be durable before what it rests on is. */
  readonly takesMarks: boolean;
  readonly #site: VolumeSite;
  readonly #log: VolumeLog;
  readonly #map: BlockMap;
  readonly #free: FreeSpace;
  readonly #isOrdered: boolean;
  readonly #stages: DataStages;
  /** Taken and neither acknowledged nor refused. */
  readonly #open = new Set<Change>();
  readonly #byOperation = new Map<Operation, Change>();
  /** Their records are durable, in the order of the log; in `writeback` their data may be on its way. */
  readonly #recorded: Change[] = [];
  readonly #waiting: Waiter[] = [];
  /** The map holds what every record up to this LSN says. */
  #movedLsn = 0;

  constructor(site: VolumeSite, log: VolumeLog, map: BlockMap, free: FreeSpace) {
    this.#site = site;
    this.#log = log;
    this.#map = map;
    this.#free = free;
    this.#isOrdered = site.superblock.mode === 'ordered';
    this.takesMarks = this.#isOrdered;
    this.#stages = this.#makeStages();
  }

  write(block: number, data: Uint8Array): Promise<number> {
    return this.#change(blocksOf(block, data));
  }

  transaction(changes: readonly BlockData[], mark?: ConsumerMark): Promise<number> {
    return this.#change(changes, mark);
  }

  read(block: number, target: Uint8Array): Promise<void> {
    return readMapped(this.#site, this.#map, block, target);
  }

  noteAcknowledged(operation: Operation): void {
    const change = this.#byOperation.get(operation);
    if (change === undefined) return;
    this.#recorded.push(change);
    this.#moveArrived();
  }

  async checkpoint(endLsn: number): Promise<void> {
    await this.#movedBefore(endLsn);
    await writeMap(this.#site, this.#map, Math.max(endLsn, this.#movedLsn + 1));
  }

  async flush(): Promise<void> {
    await this.#settled([...this.#open]);
    if (!this.#isOrdered) await flushData(this.#site, this.#log);
  }

  /** Blocks of which no record was sent lie where nothing refers to them, but that is not promised. */
  stop(reason: string): void {
    this.#stages.stop();
    const unknown = new OutcomeUnknown(reason);
    for (const { settled } of this.#open) settled.reject(unknown);
    this.#open.clear();
    for (const waiter of this.#waiting.splice(0)) waiter.reject(unknown);
  }

  async #change(blocks: readonly BlockData[], mark?: ConsumerMark): Promise<number> {
    this.#checkSize(blocks.length);
    this.#checkQueue(blocks.length);
    return new Promise((resolve, reject) => {
      const change = this.#takeIn(blocks, mark, { resolve, reject });
      this.#open.add(change);
      this.#stages.submit(change);
    });
  }

  #takeIn(
    blocks: readonly BlockData[],
    mark: ConsumerMark | undefined,
    settled: Change['settled'],
  ): Change {
    const { crc32c } = this.#site;
    const dataDigests = new Uint32Array(blocks.length);
    if (this.#isOrdered) {
      for (const [index, { data }] of blocks.entries())
        dataDigests[index] = blockDigest(data, crc32c);
    }
    const places = new Float64Array(0);
    return {
      blocks,
      places,
      dataDigests,
      mark,
      hasArrived: false,
      isRefused: false,
      operation: undefined,
      settled,
    };
  }

  #makeStages(): DataStages {
    const { data, layout, config } = this.#site;
    const isOrdered = this.#isOrdered;
    return new DataStages(
      {
        data,
        layout,
        config,
        place: (change) => this.#place(change),
        onSent: (change) => {
          if (!isOrdered) this.#record(change);
        },
        onArrived: (change) => {
          change.hasArrived = true;
          if (change.isRefused) this.#releasePlaces(change);
          else if (isOrdered) this.#record(change);
          else this.#moveArrived();
        },
        onFailure: (error) => {
          this.#log.fail(error);
        },
      },
      { isOrdered },
    );
  }

  /** What is on its way gives up as many places as it took: enough for any change that was taken in. */
  #place(change: Change): boolean {
    const places = this.#free.take(change.blocks.length);
    if (places === undefined) return false;
    change.places = places;
    return true;
  }

  #record(change: Change): void {
    const submitted = this.#log.submit((settled) => {
      change.operation = mapUpdate(change, settled);
      this.#byOperation.set(change.operation, change);
      return change.operation;
    });
    submitted.catch((error: unknown) => {
      this.#refuse(change, error);
    });
  }

  /**
   * The log did not take it: nothing refers to the places. But in `writeback` its data may still be on
   * its way to them, and could land on whatever came there meanwhile.
   */
  #refuse(change: Change, error: unknown): void {
    if (error instanceof EngineRefusal) {
      change.isRefused = true;
      if (change.hasArrived) this.#releasePlaces(change);
    }
    this.#settle(change);
    change.settled.reject(error instanceof Error ? error : new Error(String(error)));
    this.#wake();
    this.#stages.pump();
  }

  #releasePlaces({ places }: Change): void {
    for (const place of places) this.#free.release(place);
  }

  /** The moment of a change: reads serve it from here on, and what it replaced is free. */
  #moveArrived(): void {
    let hasMoved = false;
    while (this.#recorded[0]?.hasArrived === true) {
      this.#move(this.#recorded.shift()!);
      hasMoved = true;
    }
    if (!hasMoved) return;
    this.#wake();
    this.#stages.pump();
  }

  #move(change: Change): void {
    const { blocks, places, dataDigests, operation, settled } = change;
    const lsn = operation!.lastLsn;
    for (const [index, { block }] of blocks.entries()) {
      const placement = { block, physical: places[index]!, dataDigest: dataDigests[index]! };
      const before = this.#map.move(placement, lsn);
      if (before !== nowhere) this.#free.release(before);
    }
    this.#movedLsn = lsn;
    this.#settle(change);
    settled.resolve(lsn);
  }

  #settle(change: Change): void {
    this.#open.delete(change);
    if (change.operation !== undefined) this.#byOperation.delete(change.operation);
  }

  #settled(changes: readonly Change[]): Promise<void> {
    return this.#when(() => changes.every((change) => !this.#open.has(change)));
  }

  /** A record may be durable before its data has arrived; its map page must not be missed for that. */
  #movedBefore(endLsn: number): Promise<void> {
    return this.#when(() => {
      const next = this.#recorded[0];
      return next === undefined || next.operation!.lastLsn >= endLsn;
    });
  }

  #when(isDone: () => boolean): Promise<void> {
    if (isDone()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ isDone, resolve, reject });
    });
  }

  #wake(): void {
    for (const waiter of this.#waiting.splice(0)) {
      if (waiter.isDone()) waiter.resolve();
      else this.#waiting.push(waiter);
    }
  }

  #checkSize(blockCount: number): void {
    const { spareBlocks } = this.#site.layout;
    if (blockCount > spareBlocks) {
      throw new EngineRefusal(
        'too-large',
        `${blockCount} blocks in one operation, expected at most spareBlocks, which is ${spareBlocks}`,
      );
    }
    const recordBytes = changeRecordBytes(blockCount);
    if (recordBytes <= this.#log.recordBytesMax) return;
    throw new EngineRefusal(
      'too-large',
      `${blockCount} blocks in one operation take a record of ${recordBytes} bytes, expected at most ${this.#log.recordBytesMax}, what a batch holds`,
    );
  }

  #checkQueue(blockCount: number): void {
    const { queueBytesMax } = this.#site.config;
    const queuedBytes = this.#stages.queuedBytes + blockCount * blockBytes;
    if (queuedBytes <= queueBytesMax) return;
    throw new EngineRefusal(
      'full',
      `${queuedBytes} bytes of blocks would be waiting, expected at most queueBytesMax, which is ${queueBytesMax}`,
    );
  }
}
