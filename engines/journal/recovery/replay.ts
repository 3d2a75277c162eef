import { EngineRefusal } from '../../../harness/contract/index.ts';
import { ConsumerReplay, releasedLsnOf } from '../consumers/consumer-replay.ts';
import { decodeConsumerMark } from '../format/consumer-mark.ts';
import type { ConsumerTable } from '../format/consumer-table.ts';
import type { LogPosition } from '../format/log-position.ts';
import { readSegmentHeader } from '../format/payloads.ts';
import { isCallersType, recordTypes, requiredBit } from '../format/record-types.ts';
import { recordHeaderBytes } from '../format/record.ts';
import type { Superblock } from '../format/superblock.ts';
import { readU64, viewOf } from '../format/u64.ts';
import type { AppendedRecord } from '../volume/appended-records.ts';
import type { VolumeReplay } from '../volume/volume-mode.ts';
import { strayRecord } from './corruption.ts';
import type { WalkedBatch, WalkedLog, WalkedRecord } from './walk-log.ts';

/** A batch of the log with what keeps its pages from being given up. */
export interface ReplayedBatch {
  readonly start: LogPosition;
  readonly end: LogPosition;
  /** Highest LSN of an appended record in it that has not been released; 0 without one. */
  readonly keepsLsn: number;
  /** A transaction is open at its end, so the tail must not come to rest there. */
  readonly endsInside: boolean;
}

export interface ReplayedLog {
  readonly appended: readonly AppendedRecord[];
  readonly batches: readonly ReplayedBatch[];
  readonly recordsReplayed: number;
  readonly consumers: ConsumerTable;
}

/**
 * Reads the records of the log in order: those of the volume are its mode's to understand, the rest is
 * the log's own or the caller's. The answer is a pure function of the ring (JOURNAL-ENGINE I9).
 */
export function replayLog(
  log: WalkedLog,
  volume: VolumeReplay,
  {
    releasedLsn: releasedByCaller,
    consumers: table,
  }: Pick<Superblock, 'releasedLsn' | 'consumers'>,
): ReplayedLog {
  const consumers = new ConsumerReplay(table);
  const replay = new Replay(log, volume, consumers);
  const batches = log.batches.map((batch) => replay.take(batch));
  volume.endEpoch();
  const releasedLsn = releasedLsnOf(consumers.watermarks, releasedByCaller);
  const appended = replay.appended
    .filter(({ lsn }) => lsn > releasedLsn)
    .map((record) => ({ ...record, payload: record.payload.slice() }));
  return {
    appended,
    batches: batches.map((batch) =>
      batch.keepsLsn > releasedLsn ? batch : { ...batch, keepsLsn: 0 },
    ),
    recordsReplayed: appended.length + volume.replayedCount,
    consumers: {
      asOfLsn: log.end.nextLsn - 1,
      consumers: [...consumers.watermarks].map(([name, watermark]) => ({ name, watermark })),
    },
  };
}

class Replay {
  /** Their payloads lie in the stream. */
  readonly appended: AppendedRecord[] = [];
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #volume: VolumeReplay;
  readonly #consumers: ConsumerReplay;
  #keepsLsn = 0;

  constructor({ stream }: WalkedLog, volume: VolumeReplay, consumers: ConsumerReplay) {
    this.#bytes = stream;
    this.#view = viewOf(stream);
    this.#volume = volume;
    this.#consumers = consumers;
  }

  take({ start, end, records }: WalkedBatch): ReplayedBatch {
    this.#keepsLsn = 0;
    for (const record of records) {
      if (record.type === recordTypes.segmentHeader) this.#checkSegment(record, start.prevDigest);
      else this.#apply(record);
    }
    return { start, end, keepsLsn: this.#keepsLsn, endsInside: this.#volume.isInside };
  }

  #apply(record: WalkedRecord): void {
    const payloadAt = record.at + recordHeaderBytes;
    if (isCallersType(record.type)) {
      this.#volume.passOver(record);
      this.#keep(record, payloadAt);
      return;
    }
    this.#noteConsumers(record, payloadAt);
    if (record.type === recordTypes.epochStart) {
      this.#volume.endEpoch();
    } else if (!this.#volume.apply(record, payloadAt) && (record.type & requiredBit) !== 0) {
      throw new EngineRefusal(
        'incompatible',
        `the record with LSN ${record.lsn} has the type 0x${record.type.toString(16)}, which only a newer engine, or another mode, knows`,
      );
    }
  }

  #noteConsumers(record: WalkedRecord, payloadAt: number): void {
    if (record.type === recordTypes.epochStart) this.#consumers.endEpoch();
    else if (record.type === recordTypes.txnCommit) {
      this.#consumers.commit(readU64(this.#view, payloadAt), record.lsn);
    } else if (record.type === recordTypes.consumerMark) {
      const payload = this.#bytes.subarray(payloadAt, payloadAt + record.payloadBytes);
      const mark = decodeConsumerMark(payload);
      if (mark === undefined) throw strayRecord(record, 'is no mark of a consumer');
      this.#consumers.mark(mark, record.lsn);
    }
  }

  #keep({ type, lsn, tenant, vshard, payloadBytes }: WalkedRecord, payloadAt: number): void {
    const payload = this.#bytes.subarray(payloadAt, payloadAt + payloadBytes);
    this.appended.push({ type, lsn, tenant, vshard, payload });
    this.#keepsLsn = lsn;
  }

  /** A segment names what came before it, so that a segment that is not the next one is noticed. */
  #checkSegment(record: WalkedRecord, prevDigest: number): void {
    const header = readSegmentHeader(this.#view, record.at + recordHeaderBytes);
    const follows =
      header.firstLsn === record.lsn &&
      header.prevLastLsn === record.lsn - 1 &&
      header.prevDigest === prevDigest;
    if (!follows) throw strayRecord(record, 'heads a segment that does not follow the one before');
  }
}
