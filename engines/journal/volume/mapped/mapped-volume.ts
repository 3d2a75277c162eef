import { EngineRefusal } from '../../../../harness/contract/index.ts';
import { blocksOf, type BlockData, type Operation } from '../../commit/operation.ts';
import { OutcomeUnknown } from '../../errors.ts';
import { blockDigest } from '../../format/block-digest.ts';
import { blockBytes } from '../../format/layout.ts';
import type { ConsumerMark } from '../../format/consumer-mark.ts';
import { flushData } from '../flush-data.ts';
import type { VolumeLog, VolumeMode, VolumeSite } from '../volume-mode.ts';
import { nowhere, type BlockMap } from './block-map.ts';
import { checkChangeSize, mapUpdate, type Change } from './change.ts';
import { DataStages, type Placing } from './data-stages.ts';
import { freePageLsnAfter } from './free-page-store.ts';
import type { FreeSpace } from './free-space.ts';
import { MapLoads } from './map-loads.ts';
import { writeMap } from './map-store.ts';
import { Places } from './places.ts';
import { readMapped } from './read-mapped.ts';
import { Waiters } from './waiters.ts';

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
  freePageLsn: number;
  readonly #site: VolumeSite;
  readonly #log: VolumeLog;
  readonly #map: BlockMap;
  readonly #free: FreeSpace;
  readonly #loads: MapLoads;
  readonly #places: Places;
  readonly #isOrdered: boolean;
  readonly #stages: DataStages;
  /** Taken and neither acknowledged nor refused. */
  readonly #open = new Set<Change>();
  readonly #byOperation = new Map<Operation, Change>();
  /** Their records are durable, in the order of the log; in `writeback` their data may be on its way. */
  readonly #recorded: Change[] = [];
  readonly #waiters = new Waiters();
  /** The map holds what every record up to this LSN says. */
  #movedLsn = 0;

  constructor(
    site: VolumeSite,
    log: VolumeLog,
    map: BlockMap,
    free: FreeSpace,
    freePageLsn: number,
  ) {
    this.#site = site;
    this.#log = log;
    this.#map = map;
    this.#free = free;
    this.freePageLsn = freePageLsn;
    this.#loads = new MapLoads(site, map, free);
    this.#places = new Places(site, map, free, () => {
      this.#stages.pump();
    });
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
    return readMapped(this.#site, this.#map, this.#loads, block, target);
  }

  checkMap(): Promise<void> {
    return this.#places.findAll();
  }

  noteAcknowledged(operation: Operation): void {
    const change = this.#byOperation.get(operation);
    if (change === undefined) return;
    this.#recorded.push(change);
    this.#moveArrived();
  }

  async checkpoint(endLsn: number): Promise<void> {
    await this.#movedBefore(endLsn);
    const mapLsn = Math.max(endLsn, this.#movedLsn + 1);
    const written = await writeMap(this.#site, this.#map, this.#free, mapLsn);
    if (written > 0) this.freePageLsn = freePageLsnAfter(this.#site, mapLsn);
  }

  async flush(): Promise<void> {
    await this.#settled([...this.#open]);
    if (!this.#isOrdered) await flushData(this.#site, this.#log);
  }

  /** Blocks of which no record was sent lie where nothing refers to them, but that is not promised. */
  stop(reason: string): void {
    this.#stages.stop();
    this.#places.stop(reason);
    const unknown = new OutcomeUnknown(reason);
    for (const { settled } of this.#open) settled.reject(unknown);
    this.#open.clear();
    this.#waiters.stop(unknown);
  }

  async #change(blocks: readonly BlockData[], mark?: ConsumerMark): Promise<number> {
    checkChangeSize(blocks.length, this.#site.layout, this.#log);
    this.#checkQueue(blocks.length);
    return new Promise((resolve, reject) => {
      const change = this.#takeIn(blocks, mark, { resolve, reject });
      this.#open.add(change);
      this.#load(change);
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
      isLoaded: false,
      obstacle: undefined,
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
          if (change.isRefused) this.#places.giveBack(change.places);
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

  /** Ahead of its turn, so that pages of changes that wait are read together. */
  #load(change: Change): void {
    const loading = this.#loads.load(change.blocks);
    change.isLoaded = loading === undefined;
    loading?.then(
      () => {
        change.isLoaded = true;
        this.#stages.pump();
      },
      (error: unknown) => {
        change.obstacle = errorOf(error);
        this.#stages.pump();
      },
    );
  }

  /**
   * In the order of submission. Once every free place is known, what is on its way gives up as many as
   * it took: enough for any change that was taken in.
   */
  #place(change: Change): Placing {
    if (change.obstacle === undefined && !change.isLoaded) return 'waits';
    const places = change.obstacle ?? this.#places.take(change.blocks.length);
    if (places === undefined) return 'waits';
    if (places instanceof Error) {
      this.#reject(change, places);
      return 'refused';
    }
    change.places = places;
    return 'placed';
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
      if (change.hasArrived) this.#places.giveBack(change.places);
    }
    this.#reject(change, errorOf(error));
    this.#stages.pump();
  }

  #reject(change: Change, error: Error): void {
    this.#settle(change);
    change.settled.reject(error);
    this.#waiters.wake();
  }

  /** The moment of a change: reads serve it from here on, and what it replaced is free. */
  #moveArrived(): void {
    let hasMoved = false;
    while (this.#recorded[0]?.hasArrived === true) {
      this.#move(this.#recorded.shift()!);
      hasMoved = true;
    }
    if (!hasMoved) return;
    this.#waiters.wake();
    this.#stages.pump();
  }

  #move(change: Change): void {
    const { blocks, places, dataDigests, operation, settled } = change;
    const lsn = operation!.lastLsn;
    for (const [index, { block }] of blocks.entries()) {
      const placement = { block, physical: places[index]!, dataDigest: dataDigests[index]! };
      const before = this.#map.move(placement, lsn);
      if (before !== nowhere) this.#places.giveBack([before]);
    }
    this.#places.noteMapped(places);
    this.#movedLsn = lsn;
    this.#settle(change);
    settled.resolve(lsn);
  }

  #settle(change: Change): void {
    this.#open.delete(change);
    if (change.operation !== undefined) this.#byOperation.delete(change.operation);
  }

  #settled(changes: readonly Change[]): Promise<void> {
    return this.#waiters.when(() => changes.every((change) => !this.#open.has(change)));
  }

  /** A record may be durable before its data has arrived; its map page must not be missed for that. */
  #movedBefore(endLsn: number): Promise<void> {
    return this.#waiters.when(() => {
      const next = this.#recorded[0];
      return next === undefined || next.operation!.lastLsn >= endLsn;
    });
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

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
