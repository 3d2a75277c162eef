import { hash } from 'node:crypto';
import { readConsumerTable, writeConsumerTable, type ConsumerTable } from './consumer-table.ts';
import type { Crc32c } from './crc32c.ts';
import { epochEntriesMax, type EpochEntry } from './epoch-table.ts';
import type { Extent, Layout } from './layout.ts';
import type { LogPosition } from './log-position.ts';
import {
  doubleWriteModes,
  durabilityPaths,
  volumeModes,
  type DoubleWriteMode,
  type DurabilityPath,
  type VolumeModeName,
} from './modes.ts';
import { PageCodec, pageSizes, type JournalIdentity } from './page.ts';
import { saltBytes } from './payloads.ts';
import { readU64, viewOf, writeU64 } from './u64.ts';

/**
 * The superblock: where the log begins, who owns its pages, and what it once held for certain. Two
 * pairs of copies; an update writes one pair, in turn, so that a crash damages at most the newest.
 */
export const superblockBytes = 4096;
/** "JSB1" in the order of the bytes on the medium. */
export const superblockMagic = 0x3142534a;
export const superblockVersion = 1;

export const superblockFlags = {
  clean: 1,
  encrypted: 2,
  map: 4,
  trustAtomic: 8,
  strict: 16,
  dataApart: 32,
} as const;

const at = {
  magic: 0,
  version: 4,
  flags: 6,
  uuid: 8,
  sequence: 24,
  epoch: 32,
  pageBytes: 36,
  atomicUnitBytes: 40,
  logicalBlockBytes: 44,
  journalDeviceBytes: 48,
  dataDeviceBytes: 56,
  extents: 64,
  segmentPages: 176,
  segmentCount: 180,
  tailPageSeq: 184,
  tailLsn: 192,
  durableLsn: 200,
  durablePageSeq: 208,
  claimedEnd: 216,
  nextLsnFloor: 224,
  releasedLsn: 232,
  windowPages: 240,
  salt: 244,
  tailBatchNo: 248,
  tailPrevDigest: 252,
  keyId: 256,
  epochCount: 272,
  dataBlocks: 280,
  spareBlocks: 288,
  mode: 296,
  doubleWrite: 297,
  durability: 298,
  calibration: 304,
  freePageLsn: 320,
  epochs: 512,
  consumers: 2496,
  digest: 4076,
  crc: 4092,
} as const;

const epochEntryBytes = 64;
const digestBytes = 16;
export const keyIdBytes = 16;

export interface Superblock {
  readonly sequence: number;
  readonly isClean: boolean;
  readonly identity: JournalIdentity;
  readonly layout: Layout;
  /** The journal trusts the drive's atomic write unit beyond the logical block. */
  readonly trustsAtomicUnit: boolean;
  readonly epochs: readonly EpochEntry[];
  readonly tail: LogPosition;
  /** The log was once durable up to here: LSN of the last record, and the page after it. */
  readonly durableLsn: number;
  readonly durablePageSeq: number;
  /** A recovery (or a clean close) has vouched for every page before this one. */
  readonly claimedEnd: number;
  /** Above every LSN ever given out when this was written. */
  readonly nextLsnFloor: number;
  /** The caller needs no appended record up to this LSN any more. */
  readonly releasedLsn: number;
  /**
   * The page of free places is right if its checkpoint LSN is this or a later one; 0 where it says
   * nothing.
   */
  readonly freePageLsn: number;
  /** Most pages between the oldest page that is not durable and the newest submitted. */
  readonly windowPages: number;
  readonly mode: VolumeModeName;
  /** An acknowledgement waits until a second page says that the first is durable. */
  readonly isStrict: boolean;
  readonly doubleWrite: DoubleWriteMode;
  /** Name of the key that pages are encrypted with; undefined where they are not. */
  readonly keyId: Uint8Array | undefined;
  /** Chosen when the journal was made, for the journal's device and for that of the data. */
  readonly durability: { readonly journal: Calibration; readonly data: Calibration };
  readonly consumers: ConsumerTable;
}

/** How writes become durable, and what the alternatives took when that was chosen (0: not measured). */
export interface Calibration {
  readonly path: DurabilityPath;
  /** Median of a lone write of 8 KiB, in nanoseconds below 2^32. */
  readonly fuaNs: number;
  readonly flushNs: number;
}

export function pageCodecOf({ identity, layout, keyId }: Superblock, crc32c: Crc32c): PageCodec {
  const { pageBytes, atomicUnitBytes } = layout;
  const shape = { pageBytes, atomicUnitBytes, isEncrypted: keyId !== undefined };
  return new PageCodec(identity, shape, crc32c);
}

export function newestEpochOf(superblock: Superblock): EpochEntry {
  return superblock.epochs.at(-1)!;
}

const extentNames = [
  'label',
  'superblockLow',
  'superblockHigh',
  'doubleWrite',
  'ring',
  'map',
  'data',
] as const satisfies readonly (keyof Layout['extents'])[];

export function encodeSuperblock(superblock: Superblock, target: Uint8Array, crc32c: Crc32c): void {
  target.fill(0);
  const view = viewOf(target);
  writeGeometry(view, target, superblock);
  writeManner(view, target, superblock);
  writeLogState(view, superblock);
  writeEpochs(view, target, superblock.epochs);
  writeConsumerTable(target, at.consumers, superblock.consumers);
  target.set(digestOf(target), at.digest);
  view.setUint32(at.crc, crc32c(target.subarray(0, at.crc)), true);
}

function writeGeometry(view: DataView, target: Uint8Array, superblock: Superblock): void {
  const { layout, identity } = superblock;
  const flags =
    (superblock.isClean ? superblockFlags.clean : 0) |
    (superblock.keyId === undefined ? 0 : superblockFlags.encrypted) |
    (layout.extents.map.byteCount > 0 ? superblockFlags.map : 0) |
    (superblock.isStrict ? superblockFlags.strict : 0) |
    (superblock.trustsAtomicUnit ? superblockFlags.trustAtomic : 0) |
    (layout.dataDeviceBytes > 0 ? superblockFlags.dataApart : 0);
  view.setUint32(at.magic, superblockMagic, true);
  view.setUint16(at.version, superblockVersion, true);
  view.setUint16(at.flags, flags, true);
  target.set(identity.uuid, at.uuid);
  view.setUint32(at.salt, identity.salt, true);
  view.setUint32(at.pageBytes, layout.pageBytes, true);
  view.setUint32(at.atomicUnitBytes, layout.atomicUnitBytes, true);
  view.setUint32(at.logicalBlockBytes, layout.logicalBlockBytes, true);
  writeU64(view, at.journalDeviceBytes, layout.journalDeviceBytes);
  writeU64(view, at.dataDeviceBytes, layout.dataDeviceBytes);
  extentNames.forEach((name, index) => {
    writeU64(view, at.extents + 16 * index, layout.extents[name].byteOffset);
    writeU64(view, at.extents + 16 * index + 8, layout.extents[name].byteCount);
  });
  view.setUint32(at.segmentPages, layout.segmentPages, true);
  view.setUint32(at.segmentCount, layout.ringPages / layout.segmentPages, true);
  writeU64(view, at.dataBlocks, layout.dataBlocks);
  writeU64(view, at.spareBlocks, layout.spareBlocks);
}

function writeManner(view: DataView, target: Uint8Array, superblock: Superblock): void {
  const { mode, doubleWrite, durability, keyId } = superblock;
  target[at.mode] = volumeModes.indexOf(mode);
  target[at.doubleWrite] = doubleWriteModes.indexOf(doubleWrite);
  if (keyId !== undefined) target.set(keyId, at.keyId);
  [durability.journal, durability.data].forEach(({ path, fuaNs, flushNs }, device) => {
    target[at.durability + device] = durabilityPaths.indexOf(path);
    view.setUint32(at.calibration + 8 * device, fuaNs, true);
    view.setUint32(at.calibration + 8 * device + 4, flushNs, true);
  });
}

function writeLogState(view: DataView, superblock: Superblock): void {
  writeU64(view, at.sequence, superblock.sequence);
  writeU64(view, at.tailPageSeq, superblock.tail.pageSeq);
  writeU64(view, at.tailLsn, superblock.tail.nextLsn);
  view.setUint32(at.tailBatchNo, superblock.tail.batchNo, true);
  view.setUint32(at.tailPrevDigest, superblock.tail.prevDigest, true);
  writeU64(view, at.durableLsn, superblock.durableLsn);
  writeU64(view, at.durablePageSeq, superblock.durablePageSeq);
  writeU64(view, at.claimedEnd, superblock.claimedEnd);
  writeU64(view, at.nextLsnFloor, superblock.nextLsnFloor);
  writeU64(view, at.releasedLsn, superblock.releasedLsn);
  writeU64(view, at.freePageLsn, superblock.freePageLsn);
  view.setUint32(at.windowPages, superblock.windowPages, true);
}

function writeEpochs(view: DataView, target: Uint8Array, epochs: readonly EpochEntry[]): void {
  view.setUint32(at.epoch, epochs.at(-1)!.epoch, true);
  view.setUint32(at.epochCount, epochs.length, true);
  epochs.forEach((entry, index) => {
    const entryAt = at.epochs + index * epochEntryBytes;
    view.setUint32(entryAt, entry.epoch, true);
    view.setUint32(entryAt + 4, entry.epochFrom, true);
    writeU64(view, entryAt + 8, entry.firstPageSeq);
    writeU64(view, entryAt + 16, entry.firstLsn);
    target.set(entry.salt, entryAt + 24);
  });
}

/**
 * The sequence number of a slot's superblock, or undefined where its bytes are not whole; cheaper than
 * decoding it.
 */
export function peekSequence(bytes: Uint8Array, crc32c: Crc32c): number | undefined {
  const view = viewOf(bytes);
  const isWhole =
    view.getUint32(at.magic, true) === superblockMagic &&
    crc32c(bytes.subarray(0, at.crc)) === view.getUint32(at.crc, true);
  return isWhole ? readU64(view, at.sequence) : undefined;
}

export function hasSuperblockMagic(bytes: Uint8Array): boolean {
  return viewOf(bytes).getUint32(at.magic, true) === superblockMagic;
}

/** What a slot holds: a superblock, one of a newer format, something damaged, or none at all. */
export type SlotContents =
  | { readonly kind: 'valid'; readonly superblock: Superblock }
  | { readonly kind: 'newer'; readonly version: number }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'foreign' };

export function decodeSuperblock(bytes: Uint8Array, crc32c: Crc32c): SlotContents {
  if (!hasSuperblockMagic(bytes)) return { kind: 'foreign' };
  if (peekSequence(bytes, crc32c) === undefined) return { kind: 'damaged' };
  return decodeWhole(bytes);
}

/** The same for bytes of which `peekSequence` has said that they are whole. */
export function decodeWhole(bytes: Uint8Array): SlotContents {
  const view = viewOf(bytes);
  const version = view.getUint16(at.version, true);
  if (version > superblockVersion) return { kind: 'newer', version };
  if (!hasItsDigest(bytes) || version !== superblockVersion || !hasKnownManner(view)) {
    return { kind: 'damaged' };
  }
  return { kind: 'valid', superblock: readFields(view, bytes) };
}

/** Numbers that this version gives a meaning to; others cannot come from it. */
function hasKnownManner(view: DataView): boolean {
  return (
    pageSizes.some((size) => size === view.getUint32(at.pageBytes, true)) &&
    view.getUint8(at.mode) < volumeModes.length &&
    view.getUint8(at.doubleWrite) < doubleWriteModes.length &&
    view.getUint8(at.durability) < durabilityPaths.length &&
    view.getUint8(at.durability + 1) < durabilityPaths.length
  );
}

/** The digest is independent of the CRC: an error that one polynomial misses meets another test. */
function hasItsDigest(bytes: Uint8Array): boolean {
  const stored = bytes.subarray(at.digest, at.digest + digestBytes);
  return Buffer.compare(digestOf(bytes), stored) === 0;
}

function digestOf(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes.subarray(0, at.digest), 'buffer').subarray(0, digestBytes);
}

function readFields(view: DataView, bytes: Uint8Array): Superblock {
  const flags = view.getUint16(at.flags, true);
  return {
    sequence: readU64(view, at.sequence),
    isClean: (flags & superblockFlags.clean) !== 0,
    trustsAtomicUnit: (flags & superblockFlags.trustAtomic) !== 0,
    identity: { uuid: bytes.slice(at.uuid, at.uuid + 16), salt: view.getUint32(at.salt, true) },
    layout: readLayout(view),
    epochs: readEpochs(view, bytes),
    tail: {
      pageSeq: readU64(view, at.tailPageSeq),
      nextLsn: readU64(view, at.tailLsn),
      batchNo: view.getUint32(at.tailBatchNo, true),
      prevDigest: view.getUint32(at.tailPrevDigest, true),
    },
    durableLsn: readU64(view, at.durableLsn),
    durablePageSeq: readU64(view, at.durablePageSeq),
    claimedEnd: readU64(view, at.claimedEnd),
    nextLsnFloor: readU64(view, at.nextLsnFloor),
    releasedLsn: readU64(view, at.releasedLsn),
    freePageLsn: readU64(view, at.freePageLsn),
    windowPages: view.getUint32(at.windowPages, true),
    mode: volumeModes[bytes[at.mode]!]!,
    isStrict: (flags & superblockFlags.strict) !== 0,
    doubleWrite: doubleWriteModes[bytes[at.doubleWrite]!]!,
    keyId:
      (flags & superblockFlags.encrypted) === 0
        ? undefined
        : bytes.slice(at.keyId, at.keyId + keyIdBytes),
    durability: { journal: readCalibration(view, 0), data: readCalibration(view, 1) },
    consumers: readConsumerTable(bytes, at.consumers),
  };
}

function readCalibration(view: DataView, device: 0 | 1): Calibration {
  return {
    path: durabilityPaths[view.getUint8(at.durability + device)]!,
    fuaNs: view.getUint32(at.calibration + 8 * device, true),
    flushNs: view.getUint32(at.calibration + 8 * device + 4, true),
  };
}

function readLayout(view: DataView): Layout {
  const segmentPages = view.getUint32(at.segmentPages, true);
  return {
    pageBytes: pageSizes.find((size) => size === view.getUint32(at.pageBytes, true))!,
    atomicUnitBytes: view.getUint32(at.atomicUnitBytes, true),
    logicalBlockBytes: view.getUint32(at.logicalBlockBytes, true),
    journalDeviceBytes: readU64(view, at.journalDeviceBytes),
    dataDeviceBytes: readU64(view, at.dataDeviceBytes),
    ringPages: segmentPages * view.getUint32(at.segmentCount, true),
    segmentPages,
    dataBlocks: readU64(view, at.dataBlocks),
    spareBlocks: readU64(view, at.spareBlocks),
    extents: {
      label: readExtent(view, 0),
      superblockLow: readExtent(view, 1),
      superblockHigh: readExtent(view, 2),
      doubleWrite: readExtent(view, 3),
      ring: readExtent(view, 4),
      map: readExtent(view, 5),
      data: readExtent(view, 6),
    },
  };
}

/** By its place in `extentNames`. */
function readExtent(view: DataView, index: number): Extent {
  const extentAt = at.extents + 16 * index;
  return { byteOffset: readU64(view, extentAt), byteCount: readU64(view, extentAt + 8) };
}

function readEpochs(view: DataView, bytes: Uint8Array): EpochEntry[] {
  const count = Math.min(view.getUint32(at.epochCount, true), epochEntriesMax);
  return Array.from({ length: count }, (_, index) => {
    const entryAt = at.epochs + index * epochEntryBytes;
    return {
      epoch: view.getUint32(entryAt, true),
      epochFrom: view.getUint32(entryAt + 4, true),
      firstPageSeq: readU64(view, entryAt + 8),
      firstLsn: readU64(view, entryAt + 16),
      salt: bytes.slice(entryAt + 24, entryAt + 24 + saltBytes),
    };
  });
}
