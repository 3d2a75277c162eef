/**
 * Write logs as histories, so that their crash states are planned and made like those of the twin.
 *
 * A log knows less than a history: no request has a submission, and dm-log-writes holds plain writes
 * back until a flush that was submitted after they completed has completed itself. FUA writes,
 * flushes and marks it logs at once (log_writes_map and normal_end_io, Linux
 * drivers/md/dm-log-writes.c). So from one flush to the next the log reads
 *
 *     U1 … Uk   FUA writes in the order of their completion, marks among them
 *     P1 … Pn   plain writes and discards in the order of theirs; each may have completed before any U
 *     F         the flush; it covered exactly P1 … Pn
 *
 * The states of which the log shows that they are legal are those of the history in which every
 * request completes before the next is submitted, in the order of the log:
 *
 * - Before Ui completes: every earlier group, U1 … Ui-1, and any part of Ui. A FUA write was in
 *   flight just before it completed, and no P is durable before F is.
 * - Before F completes: every earlier group, U1 … Uk, and any part of P1 … Pn. All of these had
 *   completed when F was submitted, and U1 … Uk before F completed.
 * - When F has completed: everything up to F.
 *
 * Nothing else is claimed. Above all, no P stands without every U of its group, since it may have been
 * issued because one of them had completed.
 *
 * What even this cannot bear:
 *
 * - **A block that is in a U and in a later P of the log.** Which came first is not to be known, so the
 *   P is never laid over the U, and when F makes one of them durable the history ends. The next one
 *   begins where the block is written again (`OrderGap`). While several flushes are in flight, a P may
 *   be older than a U of an earlier group: `flushesInFlightMax` says how far back that goes.
 * - **Flushes that overtake each other.** If the later of two submitted flushes is answered first, the
 *   log has it first, without what the earlier one covered. The drive that is logged must answer flushes in
 *   order: a loop device, virtio-blk or NVMe with one queue.
 *
 * QEMU's blklogwrites has the same bytes and another meaning: an entry stands where its request completed,
 * and there is no FUA. A flush may have been submitted before writes that stand before it, so they
 * count as durable earlier than they were: a few legal states are missed, none is added, in the same history.
 * That holds for a guest on virtio-blk, whose kernel makes a write and a flush of every FUA write. An
 * emulated NVMe or SCSI drive answers FUA writes of which the log does not show that they are durable:
 * its logs must not be explored.
 */
import type { LedgerPosition } from '../../contract/index.ts';
import type { History } from '../history.ts';
import type { SparseImage } from '../image.ts';
import { LogConversion } from './log-conversion.ts';
import type { WriteLog } from './write-log.ts';

export type LogSemantics = 'dm-log-writes' | 'blklogwrites';

export interface LogHistoryOptions {
  readonly semantics: LogSemantics;
  /** Of the drive, in the history and in messages. */
  readonly name: string;
  /** What the drive held when logging began, in units of one block. Not changed. */
  readonly base: SparseImage;
  /** Crash states only from this mark on; a mark that is not there is CONFIG_INVALID. From the start unless given. */
  readonly startMark?: string;
  /** Nothing after the first mark of this text is read. To the end unless given, or not there. */
  readonly stopMark?: string;
  /**
   * Most flushes that were ever in flight together: as many as threads that sync, the kernel's own among them. 4
   * unless given, for one process that does one thing at a time.
   */
  readonly flushesInFlightMax?: number;
  /** The ledger position a mark stands for, if any; `ack-N` and `pos-N` stand for N unless given. */
  positionOf?(mark: string): LedgerPosition | undefined;
  /**
   * Ledger positions for a log without marks, ascending: `position` had been reached when the log had
   * `entryCount` entries.
   */
  readonly positions?: readonly LogPosition[];
}

export interface LogPosition {
  readonly entryCount: number;
  readonly position: LedgerPosition;
}

/** A part of a log of which all is known. */
export interface LoggedHistory {
  /**
   * Where it does not begin with the log it begins with a mark of position 0, as a drive that has just been
   * formatted does: states born before that are not of interest, and have no place in the ledger.
   */
  readonly history: History;
  /** The first entry after its base. */
  readonly firstEntry: number;
}

/** Entries for which no crash state is known, since they hang on an order that the log does not have. */
export interface OrderGap {
  /** The flush that made one of the two writes durable. */
  readonly firstEntry: number;
  /** From here on all is known again; undefined if never. */
  readonly endEntry: number | undefined;
  /** The first block of which it is not known which write came last. */
  readonly lba: number;
}

export interface LogHistories {
  /** One, where there are no gaps; none where a gap reaches to the end of what was wanted. */
  readonly histories: readonly LoggedHistory[];
  readonly gaps: readonly OrderGap[];
  readonly entryCount: number;
  /** Whether the log was closed by its writer; otherwise its end may be missing. */
  readonly isClosed: boolean;
}

/**
 * Reads a log to its end. Throws EVIDENCE_DAMAGED where it is damaged, or cannot have been written by what
 * `semantics` names. A log that was cut short because its device was full reads like a whole one: ask
 * the status of the target before it is removed.
 */
export function historiesOfLog(log: WriteLog, options: LogHistoryOptions): LogHistories {
  const conversion = new LogConversion(log, { positionOf: positionOfMark, ...options });
  for (const entry of log.entries()) {
    conversion.take(entry);
    if (entry.kind === 'mark' && entry.text === options.stopMark) break;
  }
  return conversion.finish();
}

/** `ack-N` and `pos-N`. */
function positionOfMark(mark: string): LedgerPosition | undefined {
  const digits = /^(?:ack|pos)-(\d{1,15})$/.exec(mark)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
