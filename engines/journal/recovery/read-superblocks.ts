import { DeviceError, EngineRefusal } from '../../../harness/contract/index.ts';
import type { Crc32c } from '../format/crc32c.ts';
import { superblockSlots, usableBytes } from '../format/layout.ts';
import {
  decodeWhole,
  encodeSuperblock,
  hasSuperblockMagic,
  peekSequence,
  superblockBytes,
  type Superblock,
} from '../format/superblock.ts';
import type { DeviceIo } from '../io/device-io.ts';
import { pairOf } from '../io/superblock-store.ts';

/** One of the four places of the superblock, as it was read. */
export interface SuperblockSlot {
  readonly slot: number;
  readonly byteOffset: number;
  readonly bytes: Uint8Array;
  readonly isUnreadable: boolean;
  /** Of a whole superblock that belongs in this slot. */
  readonly sequence: number | undefined;
}

/**
 * The newest whole superblock; its twin is repaired where it is not the same. Throws EngineRefusal:
 * `not-formatted`, `incompatible` (a newer format, or another device), `corrupt` or `device-error`
 * (no copy is left).
 */
export async function readSuperblocks(io: DeviceIo, crc32c: Crc32c): Promise<Superblock> {
  const slots = await readSlots(io, crc32c);
  const superblock = newestOf(slots);
  checkDevice(superblock, io);
  await repairTwin(io, superblock, slots, crc32c);
  return superblock;
}

/** All four, from reading alone. */
export function readSlots(io: DeviceIo, crc32c: Crc32c): Promise<readonly SuperblockSlot[]> {
  const offsets = superblockSlots(io.device.geometry);
  return Promise.all(offsets.map((byteOffset, slot) => readSlot(io, slot, byteOffset, crc32c)));
}

async function readSlot(
  io: DeviceIo,
  slot: number,
  byteOffset: number,
  crc32c: Crc32c,
): Promise<SuperblockSlot> {
  const bytes = io.device.allocate(superblockBytes);
  try {
    await io.read(byteOffset, bytes);
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return { slot, byteOffset, bytes, isUnreadable: true, sequence: undefined };
  }
  const sequence = peekSequence(bytes, crc32c);
  // A whole superblock of the other pair was written to the wrong place.
  const belongs = sequence !== undefined && pairOf(sequence).includes(slot);
  return { slot, byteOffset, bytes, isUnreadable: false, sequence: belongs ? sequence : undefined };
}

/** The newest whole one; throws EngineRefusal where there is none, as `readSuperblocks` does. */
export function newestOf(slots: readonly SuperblockSlot[]): Superblock {
  const whole = slots.filter((slot) => slot.sequence !== undefined);
  whole.sort((a, b) => b.sequence! - a.sequence!);
  for (const { bytes } of whole) {
    const contents = decodeWhole(bytes);
    if (contents.kind === 'valid') return contents.superblock;
    if (contents.kind === 'newer') {
      throw new EngineRefusal(
        'incompatible',
        `the superblock has format version ${contents.version}, expected 1: it was written by a newer engine`,
      );
    }
  }
  throw noneLeft(slots);
}

function noneLeft(slots: readonly SuperblockSlot[]): EngineRefusal {
  if (slots.some(({ bytes, isUnreadable }) => !isUnreadable && hasSuperblockMagic(bytes))) {
    return new EngineRefusal('corrupt', 'all four copies of the superblock are damaged');
  }
  if (slots.some(({ isUnreadable }) => isUnreadable)) {
    return new EngineRefusal('device-error', 'no copy of the superblock can be read');
  }
  return new EngineRefusal('not-formatted', 'the device carries no superblock of a journal');
}

function checkDevice({ layout }: Superblock, { device }: DeviceIo): void {
  const found = usableBytes(device.geometry);
  const { logicalBlockBytes } = device.geometry;
  if (layout.journalDeviceBytes === found && layout.logicalBlockBytes === logicalBlockBytes) return;
  throw new EngineRefusal(
    'incompatible',
    `the journal was made for a device of ${layout.journalDeviceBytes} bytes with logical blocks of ${layout.logicalBlockBytes}; this one has ${found} bytes and blocks of ${logicalBlockBytes}`,
  );
}

async function repairTwin(
  io: DeviceIo,
  superblock: Superblock,
  slots: readonly SuperblockSlot[],
  crc32c: Crc32c,
): Promise<void> {
  const { sequence } = superblock;
  const lost = pairOf(sequence).filter((slot) => slots[slot]!.sequence !== sequence);
  if (lost.length === 0) return;
  const source = io.device.allocate(superblockBytes);
  encodeSuperblock(superblock, source, crc32c);
  await io.writeDurably(
    'superblock',
    lost.map((slot) => ({ byteOffset: slots[slot]!.byteOffset, source })),
  );
}
