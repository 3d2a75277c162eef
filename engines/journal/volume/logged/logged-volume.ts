import {
  blockWrite,
  blocksOf,
  transaction,
  type BlockData,
  type Operation,
} from '../../commit/operation.ts';
import type { ConsumerMark } from '../../format/consumer-mark.ts';
import { blockWriteHeadBytes } from '../../format/payloads.ts';
import { recordHeaderBytes } from '../../format/record.ts';
import type { VolumeLog, VolumeMode, VolumeSite } from '../volume-mode.ts';
import { PendingBlocks } from './pending-blocks.ts';
import { readVolume } from './read-volume.ts';
import { writeBlocks } from './write-blocks.ts';

/**
 * Mode `journal`: every block goes through the ring, whole, and to its place later. What is in place
 * is never newer than the log, so a crash at any moment finds each block in the one or the other.
 */
export class LoggedVolume implements VolumeMode {
  readonly takesMarks = true;
  readonly #site: VolumeSite;
  readonly #log: VolumeLog;
  readonly #pending = new PendingBlocks();

  constructor(site: VolumeSite, log: VolumeLog) {
    this.#site = site;
    this.#log = log;
  }

  /** One record, or a transaction where that would be larger than a batch. */
  write(block: number, data: Uint8Array): Promise<number> {
    const { crc32c } = this.#site;
    const recordBytes = recordHeaderBytes + blockWriteHeadBytes + data.length;
    if (recordBytes > this.#log.recordBytesMax) return this.transaction(blocksOf(block, data));
    return this.#log.submit((settled) => blockWrite(block, data, settled, crc32c));
  }

  transaction(changes: readonly BlockData[], mark?: ConsumerMark): Promise<number> {
    return this.#log.submit((settled) => transaction(changes, settled, this.#site.crc32c, mark));
  }

  read(block: number, target: Uint8Array): Promise<void> {
    const { data, layout } = this.#site;
    return readVolume(data, layout, this.#pending, block, target);
  }

  noteAcknowledged({ blocks, lastLsn: lsn }: Operation): void {
    for (const { block, data } of blocks) this.#pending.set(block, { lsn, data });
  }

  /** Only the newest version of each block is written; those it superseded never are. */
  async checkpoint(endLsn: number): Promise<void> {
    const versions = this.#pending.writtenBefore(endLsn);
    await writeBlocks(this.#site, versions.keys(), (block) => versions.get(block)!.data, endLsn);
    await this.#site.data.flushPlainWrites();
    this.#pending.drop(versions);
  }

  /** Whatever is acknowledged is in the ring, durably. */
  async flush(): Promise<void> {
    await Promise.resolve();
  }
}
