import { HarnessError } from '../../contract/index.ts';
import type { SparseImage } from '../image.ts';
import { Unit, unitsOf } from '../unit.ts';
import type { LogEntry, WriteLog } from './write-log.ts';

export interface ReplayOptions {
  /** Stops before this entry, counted from 0. */
  readonly endEntry?: number;
  /** Stops at the first mark of this text; a mark that is not there is CONFIG_INVALID. */
  readonly endMark?: string;
  /** What the drive made of a discard. */
  readonly discards: 'zeros' | 'nothing';
}

/**
 * Brings an image from what the drive held when logging began to what the log says, entry after entry,
 * like `replay-log` of fstests. That is a legal crash state only before and after whole groups, and only where
 * no block has both a FUA and a plain write in one (log-histories.ts). Answers how many entries it took.
 */
export function replayLog(log: WriteLog, image: SparseImage, options: ReplayOptions): number {
  const { endEntry = Infinity, endMark } = options;
  let taken = 0;
  for (const entry of log.entries()) {
    if (entry.number >= endEntry) return taken;
    apply(log, image, entry, options);
    taken += 1;
    if (entry.kind === 'mark' && entry.text === endMark) return taken;
  }
  if (endMark === undefined) return taken;
  throw new HarnessError('CONFIG_INVALID', `${log.path} has no mark ${endMark}`);
}

function apply(
  log: WriteLog,
  image: SparseImage,
  entry: LogEntry,
  { discards }: ReplayOptions,
): void {
  if (entry.kind === 'discard') {
    if (discards === 'nothing') return;
    const zeros = new Unit(new Uint8Array(log.blockBytes));
    for (let place = 0; place < entry.blockCount; place++) {
      image.writeUnit(entry.lba + place, zeros);
    }
    return;
  }
  if (entry.dataBytes === 0) return;
  const units = unitsOf(log.readData(entry), log.blockBytes);
  for (const [place, unit] of units.entries()) image.writeUnit(entry.lba + place, unit);
}
