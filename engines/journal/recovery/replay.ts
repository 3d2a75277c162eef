import { EngineRefusal } from '../../../harness/contract/index.ts';
import type { LogPosition } from '../format/log-position.ts';
import { readSegmentHeader } from '../format/payloads.ts';
import { isCallersType, recordTypes, requiredBit } from '../format/record-types.ts';
import { recordHeaderBytes } from '../format/record.ts';
import { viewOf } from '../format/u64.ts';
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
}

/**
 * Reads the records of the log in order: those of the volume are its mode's to understand, the rest is
 * the log's own or the caller's. The answer is a pure function of the ring (JOURNAL-ENGINE I9).
 */
export function replayLog(log: WalkedLog, volume: VolumeReplay, releasedLsn: number): ReplayedLog {
  const replay = new Replay(log, volume, releasedLsn);
  const batches = log.batches.map((batch) => replay.take(batch));
  volume.endEpoch();
  return {
    appended: replay.appended,
    batches,
    recordsReplayed: replay.appended.length + volume.replayedCount,
  };
}

class Replay {
  readonly appended: AppendedRecord[] = [];
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #volume: VolumeReplay;
  readonly #releasedLsn: number;
  #keepsLsn = 0;

  constructor({ stream }: WalkedLog, volume: VolumeReplay, releasedLsn: number) {
    this.#bytes = stream;
    this.#view = viewOf(stream);
    this.#volume = volume;
    this.#releasedLsn = releasedLsn;
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
    } else if (record.type === recordTypes.epochStart) {
      this.#volume.endEpoch();
    } else if (!this.#volume.apply(record, payloadAt) && (record.type & requiredBit) !== 0) {
      throw new EngineRefusal(
        'incompatible',
        `the record with LSN ${record.lsn} has the type 0x${record.type.toString(16)}, which only a newer engine, or another mode, knows`,
      );
    }
  }

  #keep({ type, lsn, tenant, vshard, payloadBytes }: WalkedRecord, payloadAt: number): void {
    if (lsn <= this.#releasedLsn) return;
    const payload = this.#bytes.slice(payloadAt, payloadAt + payloadBytes);
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
