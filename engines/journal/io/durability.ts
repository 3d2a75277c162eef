import { EngineRefusal, type Clock, type DeviceGeometry } from '../../../harness/contract/index.ts';
import type { JournalConfig } from '../config.ts';
import type { DurabilityPath } from '../format/modes.ts';
import type { Calibration } from '../format/superblock.ts';
import type { DeviceIo } from './device-io.ts';

/**
 * The path a device is used with before anything about it has been measured: what its attributes
 * promise for certain. Throws EngineRefusal `incompatible` where it does not have what is asked for.
 */
export function durabilityPathOf(
  wanted: JournalConfig['durability'],
  geometry: DeviceGeometry,
): DurabilityPath {
  if (wanted === 'auto') {
    if (geometry.writeCache === 'none') return 'none';
    return geometry.supportsFua ? 'fua' : 'flush';
  }
  if (wanted === 'fua' && !geometry.supportsFua) {
    throw new EngineRefusal('incompatible', 'durability is "fua", but the drive has no FUA');
  }
  return wanted;
}

/**
 * The path that an open uses: what was asked for, else what was measured when the journal was made,
 * as far as the device that is open now still has it. A journal that was made without a volatile
 * cache below it may have been copied to a drive with one.
 */
export function pathAtOpen(
  wanted: JournalConfig['durability'],
  geometry: DeviceGeometry,
  measured: DurabilityPath,
): DurabilityPath {
  const certain = durabilityPathOf(wanted, geometry);
  const isChoice = wanted === 'auto' && certain === 'fua' && measured === 'flush';
  return isChoice ? measured : certain;
}

const roundCount = 9;
/** A lone append of 4 KiB takes two pages. */
const probeBytes = 8192;

/**
 * Measures what a drive with a volatile cache and FUA charges for either path, where `auto` leaves
 * the choice: a drive's FUA can take twice as long as a write and a flush (JOURNAL-ENGINE §3), or
 * half. The two are measured in turn, so that what else goes on slows both; medians are compared.
 * Writes zeros to `probeBytes` at `byteOffset`.
 */
export async function calibrate(
  io: DeviceIo,
  wanted: JournalConfig['durability'],
  byteOffset: number,
  clock: Clock,
): Promise<Calibration> {
  const certain = durabilityPathOf(wanted, io.device.geometry);
  if (wanted !== 'auto' || certain !== 'fua') return { path: certain, fuaNs: 0, flushNs: 0 };
  const source = io.device.allocate(probeBytes);
  const fua: number[] = [];
  const flush: number[] = [];
  for (let round = 0; round < roundCount; round++) {
    fua.push(await timed(clock, () => io.write('format', byteOffset, source, { fua: true })));
    flush.push(
      await timed(clock, async () => {
        await io.write('format', byteOffset, source, { fua: false });
        await io.flush();
      }),
    );
  }
  const [fuaNs, flushNs] = [medianOf(fua), medianOf(flush)];
  return { path: fuaNs <= flushNs ? 'fua' : 'flush', fuaNs, flushNs };
}

async function timed(clock: Clock, work: () => Promise<void>): Promise<number> {
  const startedNs = clock.now();
  await work();
  return clock.now() - startedNs;
}

/** As the superblock holds it: whole nanoseconds below 2^32. */
function medianOf(times: number[]): number {
  times.sort((a, b) => a - b);
  return Math.min(2 ** 32 - 1, Math.round(times[times.length >> 1]!));
}
