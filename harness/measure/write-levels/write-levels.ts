import type { EngineCounters } from '../../contract/index.ts';
import { countersBetween } from '../write-amplification.ts';
import type { SimulatedFlash } from './simulated-flash.ts';
import type { BlockCounters } from './block-counters.ts';
import { hostUnitBytes, type DriveCounters, type DriveSilence } from './drive-counters.ts';

/** A number, or why there is none. */
export type Reported = number | NotReported;

export interface NotReported {
  readonly notReported: string;
}

/**
 * Bytes written at each level, side by side. No level is derived from another, and no two are added:
 * each says what it counted itself, or why it did not.
 */
export interface WriteLevels {
  /** Payload that was acknowledged, as the user counts it. */
  readonly userBytes: number;
  readonly engine: EngineLevel | NotReported;
  /** Every device that the writes went through, the uppermost first. */
  readonly blockLayer: readonly BlockLevel[];
  readonly drives: readonly DriveLevel[];
  /** Of a modelled drive; absent where none was modelled. */
  readonly simulated?: SimulatedFlash;
}

/** What an engine counted itself, from when it was open until it had closed. */
export interface EngineLevel {
  readonly bytes: number;
  /** The same by what they were for; they add up to `bytes`. */
  readonly bytesByPurpose: Readonly<Record<string, number>>;
  /** Of these, what it wrote to be closed when the jobs had ended. */
  readonly closingBytes: Reported;
  /** Payload as the engine counted it. */
  readonly userBytes: number;
  readonly flushes: number;
  readonly fuaWrites: number;
}

/** Levels of an engine from its counters: when it was open, when the jobs had ended, when it had closed. */
export function engineLevel(
  opened: EngineCounters,
  ended: EngineCounters,
  closed: EngineCounters | NotReported,
): EngineLevel {
  const last = 'notReported' in closed ? ended : closed;
  const { userBytes, writtenBytes, flushes, fuaWrites } = countersBetween(opened, last);
  return {
    bytes: bytesIn(writtenBytes),
    bytesByPurpose: writtenBytes,
    closingBytes:
      'notReported' in closed ? closed : bytesIn(closed.writtenBytes) - bytesIn(ended.writtenBytes),
    userBytes,
    flushes,
    fuaWrites,
  };
}

function bytesIn(byPurpose: EngineCounters['writtenBytes']): number {
  return Object.values(byPurpose).reduce((sum, bytes) => sum + bytes, 0);
}

/** What the kernel counted for one device, whoever wrote to it. */
export interface BlockLevel {
  readonly disk: string;
  readonly bytes: Reported;
  readonly writeOps: Reported;
  readonly flushes: Reported;
  readonly discardBytes: Reported;
}

export interface DriveLevel {
  readonly disk: string;
  readonly hostBytes: Reported;
  /** The true value lies this far around `hostBytes`: the drive counts in units. */
  readonly hostBytesError: number;
  readonly mediaBytes: Reported;
  /** Requests that it received; absent where it does not say. */
  readonly requests?: DriveRequests;
}

export interface DriveRequests {
  readonly flushes: number;
  readonly fuaWrites: number;
  readonly discards: number;
}

/** Neighbouring levels, each over the one above it; their product is the amplification in all. */
export interface WriteRatios {
  readonly engineOverUser: Reported;
  readonly blockOverUser: Reported;
  readonly mediaOverHost: Reported;
  readonly flushesPerUserMebibyte: Reported;
}

const notByKernel: NotReported = { notReported: 'not counted by this kernel' };

/** `counters` is what came between two readings; undefined where they do not belong together. */
export function blockLevel(disk: string, counters: BlockCounters | undefined): BlockLevel {
  const broken = { notReported: 'the counters of the disk began anew meanwhile' };
  return {
    disk,
    bytes: counters?.writeBytes ?? broken,
    writeOps: counters?.writeOps ?? broken,
    flushes: counters === undefined ? broken : (counters.flushes ?? notByKernel),
    discardBytes: counters === undefined ? broken : (counters.discardBytes ?? notByKernel),
  };
}

export function driveLevel(disk: string, before: DriveCounters, after: DriveCounters): DriveLevel {
  return {
    disk,
    hostBytes: differenceOf(before.hostBytes, after.hostBytes),
    // Both readings were rounded up.
    hostBytesError: Number(hostUnitBytes),
    mediaBytes: differenceOf(before.mediaBytes, after.mediaBytes),
  };
}

function differenceOf(before: bigint | DriveSilence, after: bigint | DriveSilence): Reported {
  if (typeof before !== 'bigint') return before;
  if (typeof after !== 'bigint') return after;
  return after < before
    ? { notReported: 'the drive counts less than before' }
    : Number(after - before);
}

/** `blockLayer[0]` is taken: the device that the workload wrote to. */
export function ratiosOfLevels({
  userBytes,
  engine,
  blockLayer,
  drives,
}: WriteLevels): WriteRatios {
  const [block] = blockLayer;
  const [drive] = drives;
  const none: NotReported = { notReported: 'no block device was counted' };
  const silent: NotReported = { notReported: 'no drive was asked' };
  return {
    engineOverUser: 'bytes' in engine ? ratio(engine.bytes, userBytes) : engine,
    blockOverUser: block === undefined ? none : ratio(block.bytes, userBytes),
    mediaOverHost: drive === undefined ? silent : ratio(drive.mediaBytes, drive.hostBytes),
    flushesPerUserMebibyte: block === undefined ? none : ratio(block.flushes, userBytes / 2 ** 20),
  };
}

function ratio(over: Reported, under: Reported): Reported {
  if (typeof over !== 'number') return over;
  if (typeof under !== 'number') return under;
  return under > 0 ? over / under : { notReported: 'nothing was written at the level above' };
}
