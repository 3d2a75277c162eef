import { Buffer } from 'node:buffer';
import { HarnessError, type DeviceGeometry, type LedgerPosition } from '../../contract/index.ts';
import { History, type UnitSubset } from '../history.ts';
import type { SparseImage } from '../image.ts';
import { unitsOf, type Unit } from '../unit.ts';
import type { LoggedHistory, LogHistories, LogHistoryOptions, OrderGap } from './log-histories.ts';
import { PlainOrder } from './plain-order.ts';
import { endMark, type LogEntry, type WriteLog } from './write-log.ts';

const flushesInFlightDefault = 4;

interface LoggedWrite {
  readonly entry: LogEntry;
  readonly payload: Uint8Array;
  readonly units: readonly Unit[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Takes the entries of a log in order and makes histories of them; log-histories.ts says how and why. */
export class LogConversion {
  readonly #log: WriteLog;
  readonly #options: LogHistoryOptions;
  readonly #geometry: DeviceGeometry;
  /** What is durable; blocks of unknown order hold either of their writes. */
  readonly #floor: SparseImage;
  readonly #order: PlainOrder;
  readonly #histories: LoggedHistory[] = [];
  readonly #gaps: Mutable<OrderGap>[] = [];
  /** Undefined before the start mark and in a gap. */
  #history: History | undefined;
  #pending: LoggedWrite[] = [];
  #pendingUnits = new Set<number>();
  #isStarted: boolean;
  #isClosed = false;
  #entryCount = 0;
  #position: LedgerPosition = 0;
  #positionsTaken = 0;

  constructor(log: WriteLog, options: LogHistoryOptions) {
    const { base, semantics, flushesInFlightMax = flushesInFlightDefault } = options;
    assertUnits(log, base);
    this.#log = log;
    this.#options = options;
    this.#geometry = {
      logicalBlockBytes: log.blockBytes,
      capacityBlocks: base.unitCount,
      atomicWriteBlocks: 1,
      writeCache: 'volatile',
      supportsFua: true,
    };
    this.#floor = base.fork();
    this.#order = new PlainOrder(semantics === 'dm-log-writes' ? flushesInFlightMax : undefined);
    this.#isStarted = options.startMark === undefined;
    if (this.#isStarted) this.#begin(0);
  }

  take(entry: LogEntry): void {
    this.#checkRange(entry);
    this.#takePositions(entry.number);
    this.#entryCount = entry.number + 1;
    if (entry.kind === 'mark') this.#mark(entry);
    else if (entry.kind === 'discard') this.#discard(entry);
    else if (entry.kind === 'flush') this.#flush(entry);
    else this.#write(entry);
  }

  finish(): LogHistories {
    this.#takePositions(this.#entryCount);
    if (!this.#isStarted) throw missingMark(this.#log, this.#options.startMark!);
    return {
      histories: this.#histories,
      gaps: this.#gaps,
      entryCount: this.#entryCount,
      isClosed: this.#isClosed,
    };
  }

  #write(entry: LogEntry): void {
    if (entry.blockCount === 0) return;
    const payload = this.#log.readData(entry);
    const write = { entry, payload, units: unitsOf(payload, this.#log.blockBytes) };
    if (entry.fua) this.#writeThrough(write);
    else this.#writeBehind(write);
  }

  #writeThrough(write: LoggedWrite): void {
    const { entry, units } = write;
    this.#checkNothingPending(entry);
    this.#record(write, 'all');
    for (const [place, unit] of units.entries()) {
      this.#floor.writeUnit(entry.lba + place, unit);
      this.#order.noteThrough(entry.lba + place, unit);
    }
    this.#resume(entry);
  }

  #writeBehind(write: LoggedWrite): void {
    const { units } = write;
    const { lba } = write.entry;
    const known = [...units.keys()].filter((place) =>
      this.#order.noteBehind(lba + place, units[place]!),
    );
    this.#record(write, known.length === units.length ? 'all' : known);
    this.#pending.push(write);
    for (const place of units.keys()) this.#pendingUnits.add(lba + place);
  }

  /** Every request completes before the next is submitted. */
  #record({ entry, payload, units }: LoggedWrite, landed: UnitSubset): void {
    const history = this.#history;
    if (history === undefined || landed.length === 0) return;
    const { lba, blockCount, fua } = entry;
    const submitted = history.submitWrite({
      device: 0,
      lba,
      blockCount,
      fua,
      payload,
      units,
      landsAtUnit: lba,
      inFlight: landed,
    });
    history.completeWrite(submitted, {
      answer: 'ok',
      byteCount: payload.length,
      effect: landed === 'all' ? 'whole' : 'partial',
      landed,
      durable: fua,
    });
  }

  #flush(entry: LogEntry): void {
    if (entry.blockCount > 0 && !entry.fua) {
      const problem = 'a flush with data and without FUA, which the device mapper never sends';
      throw this.#log.damage(entry, problem);
    }
    this.#order.closeGroup();
    this.#settle();
    this.#leaveIfUnknown(entry);
    const history = this.#history;
    if (history !== undefined) {
      history.completeFlush(0, history.submitFlush(0), 'ok', 'persisted');
    }
    this.#resume(entry);
    this.#write(entry);
  }

  #settle(): void {
    for (const { entry, units } of this.#pending) {
      for (const [place, unit] of units.entries()) this.#floor.writeUnit(entry.lba + place, unit);
    }
    this.#pending = [];
    this.#pendingUnits = new Set();
  }

  /** Only where a block can have held anything but zeros does a discard bring a new state. */
  #discard({ lba, blockCount }: LogEntry): void {
    const history = this.#history;
    if (history === undefined) return;
    let first = lba;
    for (let unit = lba; unit <= lba + blockCount; unit++) {
      if (unit < lba + blockCount && this.#canBeZeroed(unit)) continue;
      if (unit > first) {
        const discard = { device: 0, firstUnit: first, unitCount: unit - first };
        history.completeDiscard(history.submitDiscard(discard, first));
      }
      first = unit + 1;
    }
  }

  #canBeZeroed(unit: number): boolean {
    if (!this.#order.isKnown(unit)) return false;
    return this.#pendingUnits.has(unit) || !isZero(this.#floor.readUnit(unit));
  }

  #mark(entry: LogEntry): void {
    if (entry.text === endMark) {
      this.#isClosed = true;
      return;
    }
    this.#checkNothingPending(entry);
    this.#reach(this.#options.positionOf?.(entry.text));
    if (this.#isStarted || entry.text !== this.#options.startMark) return;
    this.#isStarted = true;
    this.#leaveIfUnknown(entry);
    this.#resume(entry);
  }

  #takePositions(entryCount: number): void {
    const { positions = [] } = this.#options;
    for (; this.#positionsTaken < positions.length; this.#positionsTaken++) {
      const next = positions[this.#positionsTaken]!;
      if (next.entryCount > entryCount) return;
      this.#reach(next.position);
    }
  }

  /** Marks of several threads may come out of order: what was reached stays reached. */
  #reach(position: LedgerPosition | undefined): void {
    if (position === undefined || position < this.#position) return;
    if (position === this.#position && position > 0) return;
    this.#position = position;
    this.#history?.mark(position);
  }

  #checkRange(entry: LogEntry): void {
    const { capacityBlocks } = this.#geometry;
    if (entry.lba + entry.blockCount <= capacityBlocks) return;
    const last = entry.lba + entry.blockCount - 1;
    const problem = `blocks ${entry.lba} to ${last} of a drive that has ${capacityBlocks}`;
    throw this.#log.damage(entry, problem);
  }

  /** The kernel logs plain writes together with the flush that covered them. */
  #checkNothingPending(entry: LogEntry): void {
    if (this.#options.semantics === 'blklogwrites' || this.#pending.length === 0) return;
    const problem =
      'it stands between plain writes and their flush, where dm-log-writes puts nothing; ' +
      'is it a log of QEMU, or the rest of an older one?';
    throw this.#log.damage(entry, problem);
  }

  #leaveIfUnknown({ number }: LogEntry): void {
    const lba = this.#order.firstUnknown;
    if (lba === undefined || !this.#isStarted || this.#isInGap) return;
    this.#history = undefined;
    this.#gaps.push({ firstEntry: number, endEntry: undefined, lba });
  }

  get #isInGap(): boolean {
    return this.#gaps.length > 0 && this.#gaps.at(-1)!.endEntry === undefined;
  }

  /** Nothing is pending after a FUA write, a flush or a mark: the floor is all that can be there. */
  #resume({ number }: LogEntry): void {
    const isWanted = this.#isStarted && this.#history === undefined;
    if (!isWanted || this.#order.firstUnknown !== undefined) return;
    if (this.#isInGap) this.#gaps.at(-1)!.endEntry = number + 1;
    this.#begin(number + 1);
  }

  #begin(firstEntry: number): void {
    const history = new History({ now: () => 0 });
    const { name } = this.#options;
    history.addDevice({
      device: 0,
      name,
      geometry: this.#geometry,
      base: this.#floor.fork(),
    });
    if (firstEntry > 0) history.mark(0);
    if (this.#position > 0) history.mark(this.#position);
    this.#history = history;
    this.#histories.push({ history, firstEntry });
  }
}

function assertUnits({ path, blockBytes }: WriteLog, base: SparseImage): void {
  if (base.unitBytes === blockBytes) return;
  throw new HarnessError(
    'CONFIG_INVALID',
    `${path} has blocks of ${blockBytes} bytes, its base image units of ${base.unitBytes}`,
  );
}

function missingMark({ path }: WriteLog, mark: string): HarnessError {
  return new HarnessError(
    'CONFIG_INVALID',
    `${path} has no mark ${mark}, from which crash states were wanted`,
  );
}

const zeros = Buffer.alloc(4096);

function isZero({ bytes }: Unit): boolean {
  return Buffer.compare(bytes, zeros.subarray(0, bytes.length)) === 0;
}
