import { readFile } from 'node:fs/promises';

/**
 * What the block layer counted for one device (Documentation/block/stat.rst). Discards and flushes are
 * counted by kernels from 4.18 and 5.5 on: undefined where they are not, and never 0 for that.
 */
export interface BlockCounters {
  readonly readOps: number;
  readonly readBytes: number;
  /** Requests that write, without flushes. */
  readonly writeOps: number;
  readonly writeMerges: number;
  readonly writeBytes: number;
  readonly discardOps: number | undefined;
  readonly discardBytes: number | undefined;
  readonly flushes: number | undefined;
  /** Milliseconds in which at least one request was in flight. */
  readonly busyMs: number;
}

/** In all these files a sector is 512 bytes, whatever the blocks of the device are. */
const sectorBytes = 512;

/** Fields of `/sys/block/DISK/stat`, from 0. */
const field = {
  readOps: 0,
  readSectors: 2,
  writeOps: 4,
  writeMerges: 5,
  writeSectors: 6,
  busyMs: 9,
  discardOps: 11,
  discardSectors: 13,
  flushes: 15,
} as const;

/** Counters of a disk since it came to be, by its kernel name; undefined where there is no such disk. */
export async function readBlockCounters(disk: string): Promise<BlockCounters | undefined> {
  try {
    const line = await readFile(`/sys/block/${disk}/stat`, 'utf8');
    return blockCountersOf(line.trim().split(/\s+/).map(Number));
  } catch {
    return undefined;
  }
}

/** From the numbers of one line of `stat`, of an older kernel too. */
export function blockCountersOf(fields: readonly number[]): BlockCounters {
  const has = (at: number): boolean => fields.length > at;
  const flushes = has(field.flushes) ? fields[field.flushes]! : undefined;
  return {
    readOps: fields[field.readOps]!,
    readBytes: fields[field.readSectors]! * sectorBytes,
    // A flush is counted among the writes as well, where it is counted at all.
    writeOps: fields[field.writeOps]! - (flushes ?? 0),
    writeMerges: fields[field.writeMerges]!,
    writeBytes: fields[field.writeSectors]! * sectorBytes,
    discardOps: has(field.discardOps) ? fields[field.discardOps]! : undefined,
    discardBytes: has(field.discardSectors)
      ? fields[field.discardSectors]! * sectorBytes
      : undefined,
    flushes,
    busyMs: fields[field.busyMs]!,
  };
}

/** What came between two readings. Counts of another start of the machine, or of the disk, are refused. */
export function blockCountersBetween(
  before: BlockCounters,
  after: BlockCounters,
): BlockCounters | undefined {
  const change = (later: number, earlier: number): number => later - earlier;
  const known = (later: number | undefined, earlier: number | undefined): number | undefined =>
    later === undefined || earlier === undefined ? undefined : later - earlier;
  const between = {
    readOps: change(after.readOps, before.readOps),
    readBytes: change(after.readBytes, before.readBytes),
    writeOps: change(after.writeOps, before.writeOps),
    writeMerges: change(after.writeMerges, before.writeMerges),
    writeBytes: change(after.writeBytes, before.writeBytes),
    discardOps: known(after.discardOps, before.discardOps),
    discardBytes: known(after.discardBytes, before.discardBytes),
    flushes: known(after.flushes, before.flushes),
    busyMs: change(after.busyMs, before.busyMs),
  };
  const isBackwards = Object.values(between).some((count) => count !== undefined && count < 0);
  return isBackwards ? undefined : between;
}
