import type { BlockDevice, Platform } from '../../harness/contract/index.ts';
import { journalOptions, type JournalConfig, type JournalOptions } from './config.ts';
import type { KeyProvider } from './crypto/key-provider.ts';
import { keyProviderOf } from './crypto/key-source.ts';
import { InPlaceWriter } from './double-write/in-place-writer.ts';
import { noConsumers } from './format/consumer-table.ts';
import { crc32cOf } from './format/crc32c.ts';
import { encodeDataLabel, encodeLabel } from './format/label.ts';
import {
  blockBytes,
  doubleWriteFor,
  isMapped,
  mirrorExtent,
  planLayout,
  superblockSlots,
  type Layout,
} from './format/layout.ts';
import { emptyPageHeader, pageRunOf } from './format/page.ts';
import { saltBytes } from './format/payloads.ts';
import {
  encodeSuperblock,
  pageCodecOf,
  superblockBytes,
  type Superblock,
} from './format/superblock.ts';
import { DeviceIo } from './io/device-io.ts';
import { calibrate, durabilityPathOf } from './io/durability.ts';
import { WriteTally } from './io/write-tally.ts';
import { volumeKindOf } from './volume/volume-kinds.ts';
import type { VolumeSite } from './volume/volume-mode.ts';

/** The devices of a journal: one for everything, or the volume's blocks on one of their own. */
export interface JournalDevices {
  readonly journal: BlockDevice;
  readonly data?: BlockDevice;
}

/** Stamped by one write. */
const stampBytesMax = 2 ** 20;

/**
 * Makes a new, empty journal; durable when it resolves. What the data area held before stays there.
 * `keys` stands in place of the option `encryption`. Throws EngineRefusal `too-large` where it does not fit, a zod error for wrong options, and passes
 * DeviceError on.
 */
export async function formatJournal(
  devices: JournalDevices,
  options: JournalOptions,
  platform: Platform,
  keys?: KeyProvider,
): Promise<void> {
  const config = journalOptions.parse(options);
  const layout = planLayout(config, devices.journal.geometry, devices.data?.geometry);
  const tally = new WriteTally();
  const journal = ioOf(devices.journal, config, tally);
  const data = devices.data === undefined ? journal : ioOf(devices.data, config, tally);
  await eraseSuperblocks(journal);
  const durability = await calibrateAll(journal, data, config, layout, platform);
  const provider = keys ?? (config.encryption && keyProviderOf(config.encryption));
  const keyId = await provider?.newestKeyId();
  const doubleWrite = doubleWriteFor(config, data.device.geometry);
  const superblock = firstSuperblock({ config, layout, durability, doubleWrite, keyId }, platform);
  await stampRing(journal, superblock, platform);
  await formatVolume({ journal, data, superblock, config, platform });
  if (data !== journal) await labelData(data, superblock, platform);
  await writeLabel(journal, superblock);
  await writeAllSuperblocks(journal, superblock, platform);
}

function ioOf(device: BlockDevice, config: JournalConfig, tally: WriteTally): DeviceIo {
  return new DeviceIo(device, durabilityPathOf(config.durability, device.geometry), tally);
}

/**
 * Measured where the format writes anyway: at the beginning of the ring, which is stamped afterwards,
 * and in the label of a data device.
 */
async function calibrateAll(
  journal: DeviceIo,
  data: DeviceIo,
  { durability }: JournalConfig,
  { extents }: Layout,
  { clock }: Platform,
): Promise<Superblock['durability']> {
  const ofJournal = await calibrate(journal, durability, extents.ring.byteOffset, clock);
  journal.usePath(ofJournal.path);
  if (data === journal) return { journal: ofJournal, data: ofJournal };
  const ofData = await calibrate(data, durability, 0, clock);
  data.usePath(ofData.path);
  return { journal: ofJournal, data: ofData };
}

interface FirstManner extends Pick<Superblock, 'layout' | 'durability' | 'doubleWrite' | 'keyId'> {
  readonly config: JournalConfig;
}

/** Lap 0 of the ring is EMPTY pages, so the log begins at the first page of lap 1. */
function firstSuperblock(
  { config, layout, durability, doubleWrite, keyId }: FirstManner,
  platform: Platform,
): Superblock {
  const random = new Uint8Array(20 + saltBytes);
  platform.entropy(random);
  const salt = new DataView(random.buffer).getUint32(16, true);
  const firstPageSeq = layout.ringPages;
  return {
    sequence: 1,
    isClean: true,
    identity: { uuid: random.slice(0, 16), salt },
    layout,
    trustsAtomicUnit: config.trustAtomicUnit,
    epochs: [{ epochFrom: 1, epoch: 1, firstPageSeq, firstLsn: 1, salt: random.slice(20) }],
    tail: { pageSeq: firstPageSeq, nextLsn: 1, batchNo: 1, prevDigest: 0 },
    durableLsn: 0,
    durablePageSeq: firstPageSeq,
    claimedEnd: firstPageSeq,
    nextLsnFloor: 1,
    releasedLsn: 0,
    freePageLsn: isMapped(config.mode) ? 1 : 0,
    windowPages: config.windowPages,
    mode: config.mode,
    isStrict: config.strict,
    doubleWrite,
    keyId,
    durability,
    consumers: noConsumers,
  };
}

/** A format that is cut short must leave nothing that opens: neither the old journal nor the new. */
async function eraseSuperblocks(io: DeviceIo): Promise<void> {
  const zeros = io.device.allocate(superblockBytes);
  await io.writeDurably(
    'format',
    superblockSlots(io.device.geometry).map((byteOffset) => ({ byteOffset, source: zeros })),
  );
}

/**
 * Fills the ring, and its mirror, with valid EMPTY pages. From then on a page with a bad CRC is never normal: on a
 * drive whose atomic unit is a page it means rot or a lie, never a torn write (JOURNAL-ENGINE N1).
 */
async function stampRing(io: DeviceIo, superblock: Superblock, platform: Platform): Promise<void> {
  const { layout, doubleWrite } = superblock;
  const { ringPages, pageBytes, extents } = layout;
  const rings = [extents.ring, ...(doubleWrite === 'full' ? [mirrorExtent(layout)] : [])];
  const codec = pageCodecOf(superblock, crc32cOf(platform));
  const stampPagesMax = stampBytesMax / pageBytes;
  const buffer = io.device.allocate(Math.min(ringPages, stampPagesMax) * pageBytes);
  for (let slot = 0; slot < ringPages; slot += stampPagesMax) {
    const pages = pageRunOf(
      buffer.subarray(0, Math.min(stampPagesMax, ringPages - slot) * pageBytes),
    );
    pages.bytes.fill(0);
    for (let at = 0; at < pages.bytes.length; at += pageBytes) {
      codec.seal(pages, at, emptyPageHeader(slot + at / pageBytes));
    }
    for (const { byteOffset } of rings) {
      await io.write('format', byteOffset + slot * pageBytes, pages.bytes, { fua: false });
    }
  }
  await io.flushPlainWrites();
}

/** Nothing of a journal in the making is worth a second copy. */
function formatVolume(site: Omit<VolumeSite, 'layout' | 'crc32c' | 'inPlace'>): Promise<void> {
  const { superblock, platform } = site;
  const { layout, mode, identity } = superblock;
  const crc32c = crc32cOf(platform);
  const inPlace = new InPlaceWriter({ ...site, layout, identity, isDoubled: false, crc32c }, 1);
  return volumeKindOf(mode).format({ ...site, inPlace, layout, crc32c });
}

async function labelData(io: DeviceIo, superblock: Superblock, platform: Platform): Promise<void> {
  const source = io.device.allocate(blockBytes);
  encodeDataLabel(superblock.identity.uuid, source, crc32cOf(platform));
  await io.writeDurably('format', [{ byteOffset: 0, source }]);
}

async function writeLabel(io: DeviceIo, superblock: Superblock): Promise<void> {
  const source = io.device.allocate(blockBytes);
  encodeLabel(superblock, source);
  await io.writeDurably('format', [{ byteOffset: 0, source }]);
}

async function writeAllSuperblocks(
  io: DeviceIo,
  superblock: Superblock,
  platform: Platform,
): Promise<void> {
  const slots = superblockSlots(io.device.geometry);
  const parts = slots.map((byteOffset, slot) => {
    const source = io.device.allocate(superblockBytes);
    const sequence = superblock.sequence - (slot % 2 === 0 ? 1 : 0);
    encodeSuperblock({ ...superblock, sequence }, source, crc32cOf(platform));
    return { byteOffset, source };
  });
  await io.writeDurably('superblock', parts);
}
