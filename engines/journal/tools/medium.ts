import {
  EngineRefusal,
  type BlockDevice,
  type MediumIdentity,
  type Platform,
  type ToolSite,
} from '../../../harness/contract/index.ts';
import { crc32cOf, type Crc32c } from '../format/crc32c.ts';
import { dataOwner } from '../format/label.ts';
import { blockBytes } from '../format/layout.ts';
import { decodeSuperblock, type Superblock } from '../format/superblock.ts';
import { DeviceIo } from '../io/device-io.ts';
import { pairOf } from '../io/superblock-store.ts';
import { WriteTally } from '../io/write-tally.ts';
import { newestOf, readSlots, type SuperblockSlot } from '../recovery/read-superblocks.ts';
import { formatUuid } from './quantities.ts';

export type CopyState =
  | 'valid'
  /** Ours, and its checksums do not fit. */
  | 'damaged'
  /** Whole, in a slot of the other pair: a write was misdirected. */
  | 'misplaced'
  /** Of a later format than this engine knows. */
  | 'newer'
  /** No superblock at all. */
  | 'absent'
  | 'unreadable';

/** One of the four copies of the superblock. */
export interface SuperblockCopy {
  readonly slot: number;
  readonly byteOffset: number;
  readonly state: CopyState;
  /** Where its checksum fits. */
  readonly sequence: number | undefined;
  /** It is the one that counts, or its twin. */
  readonly isNewest: boolean;
}

/** A journal's device as a tool sees it that only reads. */
export interface Medium {
  readonly io: DeviceIo;
  readonly crc32c: Crc32c;
  readonly copies: readonly SuperblockCopy[];
  /** The newest whole copy, or why there is none. */
  readonly superblock: Superblock | EngineRefusal;
}

/** Reads the four superblocks and repairs none. */
export async function readMedium({ devices, platform }: ToolSite): Promise<Medium> {
  const io = new DeviceIo(devices.main, 'none', new WriteTally());
  const crc32c = crc32cOf(platform);
  const slots = await readSlots(io, crc32c);
  const superblock = newestOrRefusal(slots);
  const newest = superblock instanceof EngineRefusal ? undefined : superblock.sequence;
  const copies = slots.map((slot) => copyOf(slot, newest, crc32c));
  return { io, crc32c, copies, superblock };
}

/** For tools that have nothing to say without a superblock: throws EngineRefusal where there is none. */
export function superblockOf({ superblock }: Medium): Superblock {
  if (superblock instanceof EngineRefusal) throw superblock;
  return superblock;
}

export async function identify(
  device: BlockDevice,
  platform: Platform,
): Promise<MediumIdentity | undefined> {
  const site = { devices: { main: device }, platform, options: {} };
  const { superblock, io, crc32c } = await readMedium(site);
  if (superblock instanceof EngineRefusal) {
    if (superblock.reason !== 'not-formatted') throw superblock;
    await refuseDataDevice(io, crc32c);
    return undefined;
  }
  const { layout, identity } = superblock;
  return {
    uuid: formatUuid(identity.uuid),
    logicalBlockBytes: layout.logicalBlockBytes,
    byteCount: layout.journalDeviceBytes,
    hasDataDevice: layout.dataDeviceBytes > 0,
  };
}

async function refuseDataDevice(io: DeviceIo, crc32c: Crc32c): Promise<void> {
  const label = io.device.allocate(blockBytes);
  await io.read(0, label);
  const owner = dataOwner(label, crc32c);
  if (owner === undefined) return;
  throw new EngineRefusal(
    'incompatible',
    `the device holds the volume of the journal ${formatUuid(owner)}, which is on another device`,
  );
}

function newestOrRefusal(slots: readonly SuperblockSlot[]): Superblock | EngineRefusal {
  try {
    return newestOf(slots);
  } catch (error) {
    if (error instanceof EngineRefusal) return error;
    throw error;
  }
}

function copyOf(
  { slot, byteOffset, bytes, isUnreadable }: SuperblockSlot,
  newest: number | undefined,
  crc32c: Crc32c,
): SuperblockCopy {
  const place = { slot, byteOffset };
  if (isUnreadable) {
    return { ...place, state: 'unreadable', sequence: undefined, isNewest: false };
  }
  const contents = decodeSuperblock(bytes, crc32c);
  if (contents.kind !== 'valid') {
    const state = contents.kind === 'foreign' ? 'absent' : contents.kind;
    return { ...place, state, sequence: undefined, isNewest: false };
  }
  const { sequence } = contents.superblock;
  const belongs = pairOf(sequence).includes(slot);
  const state = belongs ? 'valid' : 'misplaced';
  return { ...place, state, sequence, isNewest: belongs && sequence === newest };
}
