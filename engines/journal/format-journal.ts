import type { BlockDevice, Platform } from '../../harness/contract/index.ts';
import { journalOptions, type JournalConfig, type JournalOptions } from './config.ts';
import { crc32cOf } from './format/crc32c.ts';
import { encodeDataLabel, encodeLabel } from './format/label.ts';
import { blockBytes, planLayout, superblockSlots, type Layout } from './format/layout.ts';
import type { DoubleWriteMode } from './format/modes.ts';
import { PageCodec, emptyPageHeader, pageRunOf } from './format/page.ts';
import { saltBytes } from './format/payloads.ts';
import { encodeSuperblock, superblockBytes, type Superblock } from './format/superblock.ts';
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
 * Throws EngineRefusal `too-large` where it does not fit, a zod error for wrong options, and passes
 * DeviceError on.
 */
export async function formatJournal(
  devices: JournalDevices,
  options: JournalOptions,
  platform: Platform,
): Promise<void> {
  const config = journalOptions.parse(options);
  const layout = planLayout(config, devices.journal.geometry, devices.data?.geometry);
  const tally = new WriteTally();
  const journal = ioOf(devices.journal, config, tally);
  const data = devices.data === undefined ? journal : ioOf(devices.data, config, tally);
  await eraseSuperblocks(journal);
  const durability = await calibrateAll(journal, data, config, layout, platform);
  const superblock = firstSuperblock(config, layout, durability, platform);
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

/** Lap 0 of the ring is EMPTY pages, so the log begins at the first page of lap 1. */
function firstSuperblock(
  config: JournalConfig,
  layout: Layout,
  durability: Superblock['durability'],
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
    windowPages: config.windowPages,
    mode: config.mode,
    isStrict: config.strict,
    doubleWrite: doubleWriteFor(config, layout),
    keyId: undefined,
    durability,
  };
}

/** Map pages are the only thing in place whose old contents the log cannot give back. */
function doubleWriteFor(config: JournalConfig, layout: Layout): DoubleWriteMode {
  if (config.doubleWrite !== 'auto') return config.doubleWrite;
  const hasMap = config.mode === 'ordered' || config.mode === 'writeback';
  return hasMap && layout.atomicUnitBytes < blockBytes ? 'destage' : 'off';
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
 * Fills the ring with valid EMPTY pages. From then on a page with a bad CRC is never normal: on a
 * drive whose atomic unit is a page it means rot or a lie, never a torn write (JOURNAL-ENGINE N1).
 */
async function stampRing(io: DeviceIo, superblock: Superblock, platform: Platform): Promise<void> {
  const { ringPages, pageBytes, extents } = superblock.layout;
  const codec = new PageCodec(superblock.identity, superblock.layout, crc32cOf(platform));
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
    const byteOffset = extents.ring.byteOffset + slot * pageBytes;
    await io.write('format', byteOffset, pages.bytes, { fua: false });
  }
  await io.flushPlainWrites();
}

function formatVolume(site: Omit<VolumeSite, 'layout' | 'crc32c'>): Promise<void> {
  const { superblock, platform } = site;
  const { layout, mode } = superblock;
  return volumeKindOf(mode).format({ ...site, layout, crc32c: crc32cOf(platform) });
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
