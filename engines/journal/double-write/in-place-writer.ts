import type { Crc32c } from '../format/crc32c.ts';
import { blockDigest } from '../format/block-digest.ts';
import {
  blockBytes,
  generationBlocksMax,
  generationExtent,
  type Layout,
} from '../format/layout.ts';
import type { JournalIdentity } from '../format/page.ts';
import type { DeviceIo } from '../io/device-io.ts';
import { encodeGenerationHeader } from './generation-header.ts';

export interface InPlaceSite {
  readonly journal: DeviceIo;
  readonly data: DeviceIo;
  readonly layout: Layout;
  readonly identity: JournalIdentity;
  /** Whether a copy goes to the double-write area first. */
  readonly isDoubled: boolean;
  readonly crc32c: Crc32c;
}

/** Blocks of 4096 bytes to be written over what their places hold. */
export interface InPlaceBlocks {
  readonly purpose: 'destage' | 'map';
  /** Byte offsets on the data device, ascending. */
  readonly places: Float64Array;
  copyTo(index: number, target: Uint8Array): void;
  /**
   * The blocks hold what every record before that LSN says of them, and at most what is acknowledged:
   * a log that begins no later brings them forward again from here.
   */
  readonly endLsn: number;
}

/** Bytes are copied and sent off in rounds of at most so many blocks. */
const plainRoundBlocksMax = 64;
/** Rounds on their way at once, so that the device does not wait while bytes are copied. */
const plainLanes = 3;

/**
 * Writes blocks over older versions of themselves. Where the drive may tear a block, a copy of the
 * whole round goes to one of two generations of the double-write area first and is flushed: then
 * either the copy is whole or the place has not been touched. The flush of a round makes the round
 * before durable in place too, so that its generation is free again when the next but one comes.
 */
export class InPlaceWriter {
  readonly #site: InPlaceSite;
  #nextGeneration: number;
  readonly #buffers: Uint8Array[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(site: InPlaceSite, nextGeneration: number) {
    this.#site = site;
    this.#nextGeneration = nextGeneration;
  }

  /**
   * What has been written is not durable yet when it resolves: that is for the caller to flush. Calls
   * take effect one after the other.
   */
  write(blocks: InPlaceBlocks): Promise<void> {
    const written = this.#last.then(() => this.#writeRounds(blocks));
    this.#last = written.catch(() => undefined);
    return written;
  }

  async #writeRounds(blocks: InPlaceBlocks): Promise<void> {
    const { places } = blocks;
    if (places.length === 0) return;
    const roundMax = this.#site.isDoubled ? generationBlocksMax : plainRoundBlocksMax;
    let next = 0;
    const lane = async (buffer: Uint8Array): Promise<void> => {
      for (let from = next; from < places.length; from = next) {
        next = from + roundMax;
        await this.#writeRound(blocks, from, places.subarray(from, next), buffer);
      }
    };
    const laneCount = this.#site.isDoubled ? 1 : plainLanes;
    const lanes = Math.min(laneCount, Math.ceil(places.length / roundMax));
    await Promise.all(this.#buffersFor(lanes, Math.min(roundMax, places.length)).map(lane));
  }

  async #writeRound(
    blocks: InPlaceBlocks,
    from: number,
    round: Float64Array,
    buffer: Uint8Array,
  ): Promise<void> {
    for (let index = 0; index < round.length; index++) {
      blocks.copyTo(from + index, blockIn(buffer, index));
    }
    if (this.#site.isDoubled) await this.#writeCopies(round, blocks, buffer);
    await Promise.all(runsOf(round).map((run) => this.#writeRun(round, run, blocks, buffer)));
  }

  /** Durable when it resolves, as is everything that was written in place before. */
  async #writeCopies(
    round: Float64Array,
    { endLsn }: InPlaceBlocks,
    buffer: Uint8Array,
  ): Promise<void> {
    const { journal, data, layout, identity, crc32c } = this.#site;
    const generation = this.#nextGeneration++;
    const targets = Array.from(round, (byteOffset, index) => ({
      byteOffset,
      digest: blockDigest(blockIn(buffer, index), crc32c),
    }));
    const header = buffer.subarray(0, blockBytes);
    encodeGenerationHeader(header, { generation, endLsn, targets }, identity, crc32c);
    const { byteOffset } = generationExtent(layout, generation);
    const source = buffer.subarray(0, (1 + round.length) * blockBytes);
    await journal.write('double-write', byteOffset, source, { fua: false });
    await journal.flushPlainWrites();
    if (data !== journal) await data.flushPlainWrites();
  }

  #writeRun(
    round: Float64Array,
    { start, end }: Run,
    { purpose }: InPlaceBlocks,
    buffer: Uint8Array,
  ): Promise<void> {
    const source = buffer.subarray((1 + start) * blockBytes, (1 + end) * blockBytes);
    return this.#site.data.write(purpose, round[start]!, source, { fua: false });
  }

  /** Room for a header and the blocks of a round behind it. */
  #buffersFor(lanes: number, blockCount: number): Uint8Array[] {
    const byteCount = (1 + blockCount) * blockBytes;
    return Array.from({ length: lanes }, (_, lane) => {
      const kept = this.#buffers[lane];
      if (kept !== undefined && kept.length >= byteCount) return kept;
      return (this.#buffers[lane] = this.#site.data.device.allocate(byteCount));
    });
  }
}

function blockIn(buffer: Uint8Array, index: number): Uint8Array {
  return buffer.subarray((1 + index) * blockBytes, (2 + index) * blockBytes);
}

/** Places that follow each other, by their index: from `start` up to, not including, `end`. */
interface Run {
  readonly start: number;
  readonly end: number;
}

export function runsOf(round: Float64Array): Run[] {
  const runs: Run[] = [];
  let start = 0;
  for (let index = 1; index <= round.length; index++) {
    if (index < round.length && round[index] === round[index - 1]! + blockBytes) continue;
    runs.push({ start, end: index });
    start = index;
  }
  return runs;
}
